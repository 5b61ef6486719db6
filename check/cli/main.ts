#!/usr/bin/env node
import { EXIT } from "../exit-codes.ts";
import { complainOfBug } from "./complain.ts";
import { register as registerCheck } from "./commands/check.ts";
import { register as registerJudge } from "./commands/judge.ts";
import { register as registerMutants } from "./commands/mutants.ts";
import { register as registerReplay } from "./commands/replay.ts";
import { type Register, runShell } from "./shell.ts";

/** One entry for each file in `commands/`, in the order of the help text. */
const COMMANDS: readonly Register[] = [registerCheck, registerReplay, registerMutants, registerJudge];

/** Nobody reads on (`hmmspec ... | head`): no reason for a complaint, but none for a verdict's exit code either. */
function stopQuietly(error: NodeJS.ErrnoException): void {
  if (error.code === "EPIPE") process.exit(EXIT.pipe);
  throw error;
}

function stopOnBug(error: unknown): void {
  complainOfBug(error);
  process.exit(EXIT.bug);
}

process.stdout.on("error", stopQuietly);
process.stderr.on("error", stopQuietly);
process.on("uncaughtException", stopOnBug);
process.on("unhandledRejection", stopOnBug);

// Not process.exit: what was written to a pipe may still be on its way.
process.exitCode = await runShell(process.argv, COMMANDS);
