"use strict";
(() => {
  const form = document.querySelector("form"), shown = document.getElementById("shown");
  const rows = Array.from(document.querySelectorAll("details.target"));
  const texts = new Array(rows.length);
  const value = (name) => form.elements.namedItem(name).value;
  const text = (index) => (texts[index] ??= rows[index].textContent.toLowerCase());
  function filter() {
    const verdict = value("verdict"), account = value("account"), region = value("region"), code = value("code");
    const words = value("text").toLowerCase().split(/\s+/).filter(Boolean);
    let count = 0;
    rows.forEach((row, index) => {
      const data = row.dataset;
      const fits = (!verdict || data.verdict === verdict) && (!account || data.account === account)
        && (!region || data.region === region) && (!code || data.codes.split(" ").includes(code))
        && words.every((word) => text(index).includes(word));
      row.hidden = !fits;
      count += fits;
    });
    shown.textContent = count + " of " + rows.length + " shown";
  }
  let timer;
  form.addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(filter, 80); });
  form.addEventListener("reset", () => setTimeout(filter));
  form.addEventListener("submit", (event) => event.preventDefault());
  form.hidden = false;
  filter();
  // Buttons are made for what somebody opens: of 20,000 targets that is little.
  document.addEventListener("toggle", (event) => {
    if (!event.target.open) return;
    for (const remedy of event.target.querySelectorAll(".remedy")) {
      if (remedy.nextElementSibling) continue;
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = "Copy";
      button.addEventListener("click", async () => {
        const said = remedy.querySelector("span").textContent;
        try { await navigator.clipboard.writeText(said); button.textContent = "Copied"; }
        catch { getSelection().selectAllChildren(remedy.querySelector("span")); button.textContent = "Selected"; }
      });
      remedy.after(button);
    }
  }, true);
})();
