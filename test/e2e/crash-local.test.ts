import { crash } from "./suites/failures.ts";

crash("local");
