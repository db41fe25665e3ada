/** Answers to the functions of providers that a program asks while no provider runs. */

/** An account that does not exist: policies that name an account can still be read. */
const account = "000000000000";

const answers: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  "aws:index/getCallerIdentity:getCallerIdentity": {
    id: account,
    accountId: account,
    arn: `arn:aws:iam::${account}:role/policy`,
    userId: "policy",
  },
  "aws:index/getPartition:getPartition": {
    id: "aws",
    partition: "aws",
    dnsSuffix: "amazonaws.com",
    reverseDnsPrefix: "com.amazonaws",
  },
  "aws:index/getRegion:getRegion": {
    id: "eu-central-1",
    name: "eu-central-1",
    region: "eu-central-1",
    endpoint: "ec2.eu-central-1.amazonaws.com",
    description: "Europe (Frankfurt)",
  },
};

/** @throws Error that names a function without an answer: a made-up one could turn a verdict. */
export function standIn(token: string): Record<string, string> {
  const answer = answers[token];
  if (answer === undefined) {
    throw new Error(
      `the program asks the function ${token}, for which policies/runner/stand-ins.ts has no answer: add one there`,
    );
  }
  return { ...answer };
}
