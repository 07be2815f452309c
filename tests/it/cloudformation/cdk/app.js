// Run with `node app.js`, with aws-cdk-lib 2.276.0 and constructs beside it: writes NAME.json for each stack.
const fs = require('fs');
const cdk = require('aws-cdk-lib');
const { aws_autoscaling: asg, aws_ec2: ec2, aws_iam: iam, aws_s3: s3 } = cdk;

const CORE = 'AmazonSSMManagedInstanceCore';
const amazonLinux = () => ec2.MachineImage.latestAmazonLinux2023();
const type = new ec2.InstanceType('t3.micro');
const role = (stack, policies = [CORE]) => new iam.Role(stack, 'Role', {
  assumedBy: new iam.ServicePrincipal('ec2.amazonaws.com'),
  managedPolicies: policies.map((name) => iam.ManagedPolicy.fromAwsManagedPolicyName(name)),
});
const vpcOf = (stack) => ec2.Vpc.fromVpcAttributes(stack, 'Vpc', {
  vpcId: 'vpc-0a1b2c3d', availabilityZones: ['us-east-1a'], privateSubnetIds: ['subnet-0a1b2c3d'],
});

const stacks = {
  'bastion': (stack) => new ec2.BastionHostLinux(stack, 'Bastion', { vpc: vpcOf(stack) }),
  'instance_with_sessions': (stack) => new ec2.Instance(stack, 'Web', {
    vpc: vpcOf(stack), instanceType: type, machineImage: amazonLinux(), ssmSessionPermissions: true, requireImdsv2: true,
  }),
  'instance_without_sessions': (stack) => new ec2.Instance(stack, 'Web', {
    vpc: vpcOf(stack), instanceType: type, machineImage: amazonLinux(),
  }),
  'group_with_role': (stack) => new asg.AutoScalingGroup(stack, 'Fleet', {
    vpc: vpcOf(stack), instanceType: type, machineImage: amazonLinux(), role: role(stack),
  }),
  'group_without_policies': (stack) => new asg.AutoScalingGroup(stack, 'Fleet', {
    vpc: vpcOf(stack), instanceType: type, machineImage: amazonLinux(), role: role(stack, []),
  }),
  'launch_template': (stack) => new ec2.LaunchTemplate(stack, 'Template', {
    instanceType: type, machineImage: amazonLinux(), role: role(stack), requireImdsv2: true,
  }),
  'imported_role': (stack) => new ec2.Instance(stack, 'Web', {
    vpc: vpcOf(stack), instanceType: type, machineImage: amazonLinux(),
    role: iam.Role.fromRoleArn(stack, 'Imported', 'arn:aws:iam::111122223333:role/shared'),
  }),
  'role_with_grants': (stack) => {
    const made = role(stack, []);
    made.addToPolicy(new iam.PolicyStatement({
      actions: ['ssm:UpdateInstanceInformation', 'ssmmessages:*'], resources: ['*'],
    }));
    new s3.Bucket(stack, 'Logs').grantPut(made);
    new ec2.Instance(stack, 'Web', { vpc: vpcOf(stack), instanceType: type, machineImage: amazonLinux(), role: made });
  },
  'boundary': (stack) => {
    const boundary = new iam.ManagedPolicy(stack, 'Boundary', {
      statements: [new iam.PolicyStatement({ actions: ['s3:*'], resources: ['*'] })],
    });
    const made = role(stack);
    iam.PermissionsBoundary.of(made).apply(boundary);
    new ec2.Instance(stack, 'Web', { vpc: vpcOf(stack), instanceType: type, machineImage: amazonLinux(), role: made });
  },
  'stage_parameter': (stack) => {
    const stage = new cdk.CfnParameter(stack, 'Stage', { allowedValues: ['test', 'prod'] });
    const isProd = new cdk.CfnCondition(stack, 'IsProd', { expression: cdk.Fn.conditionEquals(stage, 'prod') });
    const made = role(stack, []);
    const core = new iam.CfnRolePolicy(stack, 'Core', {
      policyName: 'core', roleName: made.roleName,
      policyDocument: {
        Version: '2012-10-17',
        Statement: [{ Effect: 'Allow', Action: ['ssm:UpdateInstanceInformation', 'ssmmessages:*'], Resource: '*' }],
      },
    });
    core.cfnOptions.condition = isProd;
    new ec2.Instance(stack, 'Web', { vpc: vpcOf(stack), instanceType: type, machineImage: amazonLinux(), role: made });
  },
};

for (const [name, make] of Object.entries(stacks)) {
  const app = new cdk.App({ outdir: `cdk.out/${name}`, analyticsReporting: false });
  const stack = new cdk.Stack(app, name.replaceAll('_', '-'), { synthesizer: new cdk.LegacyStackSynthesizer() });
  make(stack);
  const template = app.synth().getStackByName(stack.stackName).template;
  fs.writeFileSync(`${name}.json`, `${JSON.stringify(template, null, 1)}\n`);
}
