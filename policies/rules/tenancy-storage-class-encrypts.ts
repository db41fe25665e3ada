import { resourceRule } from "../rule.ts";
import { storageClass } from "../support/kubernetes-types.ts";
import { isTrue, subjectOf } from "../support/verdict.ts";
import { at, text } from "../values.ts";

/** The parameter of each provisioner that has one; others encrypt always, or by their installation. */
const parameters: Readonly<Record<string, string>> = {
  "ebs.csi.aws.com": "encrypted",
  "kubernetes.io/aws-ebs": "encrypted",
  "efs.csi.aws.com": "encryptInTransit",
};

export default resourceRule({
  name: "tenancy-storage-class-encrypts",
  subject: "encryption",
  description: "A storage class makes encrypted volumes.",
  reason: "A volume or its snapshot can be attached elsewhere and read.",
  source: {
    title: "Amazon EBS CSI driver, parameters",
    url: "https://github.com/kubernetes-sigs/aws-ebs-csi-driver/blob/master/docs/parameters.md",
  },
  remediation: 'Set the parameter encrypted: "true"',
  severity: "high",
  enforcement: "mandatory",
  types: [storageClass],
  *check(resource) {
    const provisioner = text(resource.props.provisioner) ?? "";
    const parameter = parameters[provisioner];
    if (parameter === undefined || isTrue(at(resource.props, "parameters", parameter))) return;
    yield { message: `${subjectOf(resource)} makes volumes that are not encrypted: ${parameter} is not "true"` };
  },
});
