import { type CAC, cac } from "cac";
import { excerpt } from "../excerpt.ts";
import { EXIT, type ExitCode } from "../exit-codes.ts";
import { complain, complainOfBug } from "./complain.ts";
import { VERSION } from "./version.ts";

/**
 * Adds one command to the program. Its action answers an `ExitCode`, or a promise of one; it throws only where our code is wrong.
 */
export type Register = (cli: CAC) => void;

const isExitCode = (value: unknown): value is ExitCode => Object.values(EXIT).some((code) => code === value);

/** Reports wrong usage in one line. A command calls it, too, for values of options that it cannot use. */
export function badUsage(message: string): ExitCode {
  complain(`bad-usage: ${message}`);
  return EXIT.usage;
}

/** Errors of the parser are errors of the user. The class is not exported, so its name must do. */
const isParserError = (error: unknown): error is Error => error instanceof Error && error.name === "CACError";

function noCommand(cli: CAC): ExitCode {
  const help = `see ${cli.name} --help`;
  const name = restoreDash(cli.args[0]);
  if (name !== undefined) return badUsage(`unknown command ${excerpt(name)}, ${help}`);
  const option = Object.keys(cli.options).find((key) => key !== "--");
  if (option !== undefined) return badUsage(`unknown option \`${option.length > 1 ? "--" : "-"}${option}\`, ${help}`);
  return badUsage(`no command given, ${help}`);
}

/** Stands for a lone `-`, which the parser would drop. No argument of a process can hold a NUL. */
const DASH = "\0";
const restoreDash = <T>(value: T): T | "-" => (value === DASH ? "-" : value);

async function run(cli: CAC, argv: readonly string[]): Promise<ExitCode> {
  cli.parse(
    argv.map((arg) => (arg === "-" ? DASH : arg)),
    { run: false },
  );
  const command = cli.matchedCommand;
  // The parser has already shown what these two ask for.
  const shown = Boolean(cli.options["help"]) || Boolean(cli.options["version"]);
  if (command === undefined) return shown ? EXIT.ok : noCommand(cli);
  for (const [name, value] of Object.entries<unknown>(cli.options)) cli.options[name] = restoreDash(value);
  // The parser sets aside what follows a `--`; for us these are arguments like the others, such as a file whose name starts with a dash.
  cli.args = [...cli.args, ...(cli.options["--"] as string[])].map(restoreDash);
  const code: unknown = await cli.runMatchedCommand();
  if (!isExitCode(code)) throw new TypeError(`the command ${command.name} answered ${String(code)} instead of an exit code`);
  return code;
}

/**
 * Runs the program once.
 *
 * @param argv as of a process: the interpreter, the script, then the arguments
 * @param commands what the program can do
 * @returns the exit code. Wrong usage and bugs are already reported, in one line on the standard error.
 */
export async function runShell(argv: readonly string[], commands: readonly Register[]): Promise<ExitCode> {
  const cli = cac("hmmspec");
  for (const register of commands) register(cli);
  cli.help();
  cli.version(VERSION);
  try {
    return await run(cli, argv);
  } catch (error) {
    if (isParserError(error)) return badUsage(`${error.message[0]?.toLowerCase() ?? ""}${error.message.slice(1)}, see ${cli.name} --help`);
    complainOfBug(error);
    return EXIT.bug;
  }
}
