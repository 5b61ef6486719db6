import type { CAC } from "cac";
import type { ExitCode } from "../../exit-codes.ts";
import { SUBJECTS } from "../../subject.ts";
import { isComplaint, mutantChoiceOf, subjectOf } from "../options.ts";
import { replayFile } from "../replay-file.ts";
import { badUsage } from "../shell.ts";

interface Options {
  readonly system?: unknown;
  readonly mutant?: unknown;
  readonly id?: unknown;
  readonly json?: boolean;
}

/** Adds `hmmspec replay`. */
export function register(cli: CAC): void {
  cli
    .command("replay <file>", "Carry out a schedule or a trace step by step, and show what each step changes (- for the standard input)")
    .option("--system <name>", `What it is carried out on: ${SUBJECTS.join(", ")} (default: lockstep, or the side that has the mutant)`)
    .option("--mutant <id>", "Mutant of the catalogue to carry it out on, or none (default: the one that the schedule names)")
    .option("--id <id>", "Only the schedule or trace with this id (default: all of the file)")
    .option("--json", "One JSON object a step, and one for the end")
    .example("  hmmspec replay hmmspec-failure.jsonl")
    .example("  hmmspec replay --mutant none hmmspec-failure.jsonl")
    .action(async (file: string, options: Options) => act(file, options));
}

async function act(file: string, options: Options): Promise<ExitCode> {
  const subject = subjectOf(options.system);
  if (isComplaint(subject)) return badUsage(`replay: ${subject.complaint}`);
  const mutant = mutantChoiceOf(options.mutant, subject);
  if (isComplaint(mutant)) return badUsage(`replay: ${mutant.complaint}`);
  return replayFile(file, {
    subject: options.system === undefined ? null : subject,
    mutant: options.mutant === undefined ? undefined : mutant,
    id: options.id === undefined ? null : `${options.id as string | number}`,
    json: options.json === true,
  });
}
