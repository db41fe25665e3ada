/** The local certificate authority and the one certificate that all services present. */
import { X509Certificate, type webcrypto } from "node:crypto";
// @peculiar/x509 needs it and leaves it to its users to load.
import "reflect-metadata";
import * as x509 from "@peculiar/x509";
import { readIfThere, writePrivate } from "./files.ts";
import { paths } from "./state.ts";

const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
const day = 24 * 60 * 60 * 1000;
const authorityDays = 3650;
const serverDays = 365;
const renewBeforeDays = 30;

/**
 * Makes what is missing or about to expire: the authority (10 years) and the server's certificate for `localhost`,
 * `127.0.0.1` and `::1` (1 year, renewed when it has expired or fewer than 30 days are left).
 *
 * @param days lifetime of a new server certificate; zero or less makes one that has expired. Given: always made anew.
 * @returns whether the server's certificate is a new one
 */
export async function ensureCertificates(dir: string, days?: number): Promise<boolean> {
  const at = paths(dir);
  const [caText, caKeyText] = [await readIfThere(at.caCertificate), await readIfThere(at.caKey)];
  const authority =
    caText === undefined || caKeyText === undefined || daysLeft(caText) < renewBeforeDays
      ? await newAuthority(dir)
      : { certificate: new x509.X509Certificate(caText), key: await importKey(caKeyText) };
  const current = await readIfThere(at.serverCertificate);
  const keep =
    days === undefined &&
    current !== undefined &&
    (await readIfThere(at.serverKey)) !== undefined &&
    new X509Certificate(current).verify(new X509Certificate(authority.certificate.toString("pem")).publicKey) &&
    daysLeft(current) >= renewBeforeDays;
  if (!keep) await newServerCertificate(dir, authority, days ?? serverDays);
  return !keep;
}

interface Authority {
  readonly certificate: x509.X509Certificate;
  readonly key: webcrypto.CryptoKey;
}

function daysLeft(pem: string): number {
  return (new X509Certificate(pem).validToDate.getTime() - Date.now()) / day;
}

async function newAuthority(dir: string): Promise<Authority> {
  const keys = await crypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    name: "CN=tenancy development CA",
    notBefore: new Date(Date.now() - day),
    notAfter: new Date(Date.now() + authorityDays * day),
    keys,
    signingAlgorithm: algorithm,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  await writePrivate(paths(dir).caKey, await exportKey(keys.privateKey));
  await writePrivate(paths(dir).caCertificate, `${certificate.toString("pem")}\n`);
  return { certificate, key: keys.privateKey };
}

async function newServerCertificate(dir: string, authority: Authority, days: number): Promise<void> {
  const keys = await crypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
  const notAfter = Date.now() + days * day;
  const certificate = await x509.X509CertificateGenerator.create({
    subject: "CN=localhost",
    issuer: authority.certificate.subject,
    notBefore: new Date(Math.min(Date.now(), notAfter) - day),
    notAfter: new Date(notAfter),
    publicKey: keys.publicKey,
    signingKey: authority.key,
    signingAlgorithm: algorithm,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
      new x509.SubjectAlternativeNameExtension([
        { type: "dns", value: "localhost" },
        { type: "ip", value: "127.0.0.1" },
        { type: "ip", value: "::1" },
      ]),
      await x509.AuthorityKeyIdentifierExtension.create(authority.certificate.publicKey),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  await writePrivate(paths(dir).serverKey, await exportKey(keys.privateKey));
  await writePrivate(paths(dir).serverCertificate, `${certificate.toString("pem")}\n`);
}

async function exportKey(key: webcrypto.CryptoKey): Promise<string> {
  return `${x509.PemConverter.encode(await crypto.subtle.exportKey("pkcs8", key), x509.PemConverter.PrivateKeyTag)}\n`;
}

function importKey(pem: string): Promise<webcrypto.CryptoKey> {
  return crypto.subtle.importKey("pkcs8", x509.PemConverter.decodeFirst(pem), algorithm, true, ["sign"]);
}
