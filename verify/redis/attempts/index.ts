import type { RedisAttempt } from "../attempt.ts";
import { administerAttempts } from "./administer.ts";
import { channelAttempts } from "./channels.ts";
import { copyAttempts } from "./copy.ts";
import { databaseAttempts } from "./databases.ts";
import { destroyAttempts } from "./destroy.ts";
import { loginAttempts } from "./logins.ts";
import { metadataAttempts } from "./metadata.ts";
import { observeAttempts } from "./observe.ts";
import { readAttempts } from "./read.ts";
import { scriptAttempts } from "./scripts.ts";
import { serverAttempts } from "./server.ts";
import { writeAttempts } from "./write.ts";

export const redisAttempts: readonly RedisAttempt[] = [
  ...readAttempts,
  ...metadataAttempts,
  ...copyAttempts,
  ...writeAttempts,
  ...destroyAttempts,
  ...channelAttempts,
  ...observeAttempts,
  ...databaseAttempts,
  ...scriptAttempts,
  ...serverAttempts,
  ...administerAttempts,
  ...loginAttempts,
];
