/** What a stack's configuration says of the delivery of credentials in AWS Secrets Manager. */
import { z } from "zod";

export const secretsManagerSettingsSchema = z.strictObject({
  kind: z.literal("secrets-manager"),
  region: z.string().regex(/^[a-z]{2}(-[a-z]+)+-\d$/),
  /** Begin of each secret's name, with its closing slash. **Replaces.** */
  namePrefix: z
    .string()
    .regex(/^[A-Za-z0-9_+=.@-]+(\/[A-Za-z0-9_+=.@-]+)*\/$/)
    .default("tenancy/"),
  /** Key of KMS. Left out: the account's own key of Secrets Manager, which no other account can be let in by. */
  kmsKeyId: z.string().min(1).optional(),
  /** Days in which a deleted secret can be restored: 7 to 30, or 0 for none. Its name stays taken so long. */
  recoveryDays: z.union([z.literal(0), z.int().min(7).max(30)]).default(30),
  /** Roles or users that run updates. */
  administrators: z.array(z.string().startsWith("arn:")).min(1),
});
export type SecretsManagerSettings = z.infer<typeof secretsManagerSettingsSchema>;
