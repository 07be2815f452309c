// A snapshot of many instances: `node tests/browser/fleet.mjs NUMBER > fleet.json`. They are those of examples/account.json again and
// again, each with an id and a name of its own.
import { readFileSync } from "node:fs";

const snapshot = JSON.parse(readFileSync(new URL("../../examples/account.json", import.meta.url), "utf8"));
const facts = snapshot.facts ?? snapshot;
const instances = facts.subjects.filter((subject) => subject.kind.instance?.known);
facts.subjects = Array.from({ length: Number(process.argv[2]) }, (_, number) => {
  const subject = structuredClone(instances[number % instances.length]);
  const instance = subject.kind.instance.known;
  instance.id = subject.target = `i-0${number.toString(16).padStart(16, "0")}`;
  instance.name = `web-${number}`;
  return subject;
});
process.stdout.write(JSON.stringify(snapshot));
