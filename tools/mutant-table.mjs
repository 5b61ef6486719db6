/**
 * The matrix of the mutants: reads the built catalogue and the minimal runs in `test/golden/mutants`, and writes the tables between the markers of
 * `spec/mutants.md`. Run `npm run build` first.
 *
 *     node tools/mutant-table.mjs            writes
 *     node tools/mutant-table.mjs --check    writes nothing; exit code 1 if the page is out of date
 *
 * A mutant without a minimal run, or a page without markers: exit code 2.
 */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const PAGE = "spec/mutants.md";
const GOLDEN = "test/golden/mutants";
const BUILT = "dist/check/mutants/catalogue.js";
const BEGIN = "<!-- mutants:begin -->";
const END = "<!-- mutants:end -->";

const SIDES = { model: "model", impl: "implementation" };

/** Something that the one who calls must mend. */
class Complaint extends Error {}

/** What a table may hold as text. */
const cell = (text) => text.replaceAll("|", "\\|");

const count = (n, one) => `${n} ${one}${n === 1 ? "" : "s"}`;

const median = (numbers) => numbers.toSorted((a, b) => a - b)[Math.floor((numbers.length - 1) / 2)] ?? 0;

/** A minimal run: what it breaks, its calls and other actions, its steps. */
function readRun(file) {
  const path = join(root, GOLDEN, file);
  if (!existsSync(path)) throw new Complaint(`${GOLDEN}/${file} is missing: write it with \`npx hmmspec mutants --id ID --out ${GOLDEN}\``);
  const [header, ...actions] = readFileSync(path, "utf8")
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));
  const steps = actions.filter(({ action }) => action.type === "step").length;
  return { file, property: header.property, calls: actions.length - steps, steps };
}

/** The cells of one side of a mutant. */
function sideCells(run) {
  if (run === undefined) return ["", ""];
  return [run.property, `[${run.calls} / ${run.steps}](../${GOLDEN}/${run.file})`];
}

function renderSummary(mutants, runs) {
  const sides = Object.entries(SIDES).map(
    ([side, name]) => `${count(runs.filter((run) => run.side === side).length, "mutant")} of the ${name}`,
  );
  const properties = new Set(runs.map(({ property }) => property));
  return [
    `${count(mutants.length, "bug")}: ${sides.join(" and ")}, every one of them killed, by ${properties.size} different properties (\`refines\` included).`,
    `The median minimal run has ${median(runs.map(({ calls }) => calls))} calls and ${median(runs.map(({ steps }) => steps))} steps, the longest one ${count(Math.max(...runs.map(({ calls }) => calls)), "call")}.`,
  ];
}

function render(mutants, notMutants, names) {
  const rows = mutants.map((mutant) => {
    const runs = names.sidesChanged(mutant).map((side) => ({ side, ...readRun(names.runFile(mutant, side)) }));
    return { mutant, runs };
  });
  const lines = rows.map(({ mutant, runs }) => {
    const { id, title, origin, breaks } = mutant;
    const cells = Object.keys(SIDES).flatMap((side) => sideCells(runs.find((run) => run.side === side)));
    return `| ${[id, cell(title), cell(origin), breaks.join(" "), ...cells].join(" | ")} |`;
  });
  return [
    BEGIN,
    ...renderSummary(
      mutants,
      rows.flatMap(({ runs }) => runs),
    ),
    "",
    "| mutant | what goes wrong | origin | breaks | killed in the model by | calls / steps | killed in the implementation by | calls / steps |",
    "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ...lines,
    "",
    "Rows of the list of bugs that no mutant stands for:",
    "",
    "| row | why |",
    "| --- | --- |",
    ...notMutants.map(({ row, why }) => `| ${row} | ${cell(why)} |`),
    END,
  ].join("\n");
}

/** Writes the page, or only looks at it. Answers the exit code. */
async function main(args) {
  const unknown = args.find((argument) => argument !== "--check");
  if (unknown !== undefined) throw new Complaint(`unknown argument ${unknown} (there is --check only)`);
  if (!existsSync(join(root, BUILT))) throw new Complaint("nothing is built: run `npm run build` first");
  const { MUTANTS } = await import("../dist/check/mutants/catalogue.js");
  const { NOT_MUTANTS } = await import("../dist/check/mutants/not-mutants.js");
  const names = await import("../dist/check/mutants/side.js");
  const old = readFileSync(join(root, PAGE), "utf8");
  const from = old.indexOf(BEGIN);
  const to = old.indexOf(END);
  if (from < 0 || to < from) throw new Complaint(`${PAGE} has no place for the matrix: put ${BEGIN} and ${END} on lines of their own`);
  const page = old.slice(0, from) + render(MUTANTS, NOT_MUTANTS, names) + old.slice(to + END.length);
  if (args.includes("--check")) {
    if (page !== old) console.error(`mutant-table: ${PAGE} is out of date: run \`npm run mutants:table\``);
    return page === old ? 0 : 1;
  }
  if (page !== old) writeFileSync(join(root, PAGE), page);
  console.log(`mutant-table: ${count(MUTANTS.length, "mutant")}; ${page === old ? "nothing to write" : `written: ${PAGE}`}`);
  return 0;
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof Complaint)) throw error;
  console.error(`mutant-table: ${error.message}`);
  process.exitCode = 2;
}
