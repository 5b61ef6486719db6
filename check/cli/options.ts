/** Values of options, as several commands read them. A value that cannot be used is answered with the text of a complaint. */
import { MUTANTS } from "../mutants/catalogue.ts";
import type { Mutant, Side } from "../mutants/mutant.ts";
import { excerpt } from "../excerpt.ts";
import { PROPERTIES } from "../../properties/registry.ts";
import type { Property } from "../../properties/property.ts";
import { OPERATIONS, PROFILE_NAMES } from "../../properties/test-case.ts";
import type { Operation, ProfileName } from "../../properties/test-case.ts";
import { REFINES } from "../failure.ts";
import { type SubjectName, SUBJECTS } from "../subject.ts";

const SIDES: readonly Side[] = ["model", "impl"];

/** What is wrong with a value. */
export interface Complaint {
  readonly complaint: string;
}

/** Whether a value cannot be used. */
export function isComplaint(value: unknown): value is Complaint {
  return typeof value === "object" && value !== null && "complaint" in value;
}

const wrong = (option: string, value: unknown, expected: string): Complaint => ({
  complaint: `${option} ${typeof value === "string" ? excerpt(value) : String(value)}, expected ${expected}`,
});

/** The name of a profile: `core/driver`. */
export function profileText({ core, driver }: ProfileName): string {
  return `${core}/${driver}`;
}

/** Words of a list that commas separate. An option may be given more than once. */
function listOf(value: unknown): string[] {
  return (Array.isArray(value) ? value : [value]).flatMap((item) => String(item).split(",")).map((word) => word.trim());
}

/** Profiles: `all`, a core, or a core with a driver, or several of them. */
export function profilesOf(value: unknown): readonly ProfileName[] | Complaint {
  if (value === undefined || value === "all") return PROFILE_NAMES;
  const named: ProfileName[] = [];
  for (const word of listOf(value)) {
    const found = PROFILE_NAMES.filter((name) => word === "all" || name.core === word || profileText(name) === word);
    if (found.length === 0) {
      const cores = [...new Set(PROFILE_NAMES.map(({ core }) => core))];
      return wrong("--profile", word, ["all", ...cores, ...PROFILE_NAMES.map(profileText)].join(", "));
    }
    named.push(...found.filter((name) => !named.includes(name)));
  }
  return named;
}

/** Operations that runs draw from. */
export function maskOf(value: unknown): readonly Operation[] | Complaint {
  if (value === undefined) return OPERATIONS;
  const words = listOf(value);
  const stranger = words.find((word) => !OPERATIONS.some((op) => op === word));
  if (stranger !== undefined) return wrong("--mask", stranger, OPERATIONS.join(", "));
  return OPERATIONS.filter((op) => words.includes(op));
}

/** The properties that are looked at: all of them, or one with the witnesses that belong to it. */
export function propertiesOf(value: unknown): readonly Property[] | Complaint {
  if (value === undefined) return PROPERTIES;
  if (value === REFINES.id) return [];
  const found = PROPERTIES.filter((property) => property.id === value || (property.kind === "sometimes" && property.of === value));
  if (found.length > 0) return found;
  const ids = PROPERTIES.filter(({ kind }) => kind !== "sometimes").map(({ id }) => id);
  return wrong("--property", value, [...ids, REFINES.id].join(", "));
}

/** A mutant of the catalogue, or `null` for the correct system. */
export function mutantOf(value: unknown): Mutant | null | Complaint {
  if (value === undefined || value === "none") return null;
  const found = MUTANTS.find(({ id }) => id === value);
  return found ?? wrong("--mutant", value, `none or one of ${MUTANTS.map(({ id }) => id).join(", ")}`);
}

/** A mutant, and the side of it that is changed. */
export interface MutantChoice {
  readonly mutant: Mutant;
  readonly side: Side;
  /** How it is named: the id, with `@impl` where the model could be meant as well. */
  readonly name: string;
}

/**
 * A mutant of the catalogue by `ID` or `ID@side`, or `null` for the correct system. Without a side it is the one that is run alone, or else the
 * model where the mutant changes it.
 */
export function mutantChoiceOf(value: unknown, subject: SubjectName): MutantChoice | null | Complaint {
  const [id, named, ...rest] = typeof value === "string" ? value.split("@") : [value];
  const mutant = mutantOf(rest.length > 0 ? value : id);
  if (mutant === null || isComplaint(mutant)) return mutant;
  const sides = SIDES.filter((side) => mutant[side] !== undefined);
  const wanted = named ?? sides.find((side) => side === subject) ?? sides[0];
  const side = sides.find((other) => other === wanted);
  if (side === undefined) return wrong("--mutant", value, sides.map((other) => `${mutant.id}@${other}`).join(" or "));
  if (subject !== "lockstep" && subject !== side)
    return wrong("--system", subject, `lockstep or ${side}, which mutant ${mutant.id} changes`);
  return { mutant, side, name: side === sides[0] ? mutant.id : `${mutant.id}@${side}` };
}

/** What is driven. */
export function subjectOf(value: unknown): SubjectName | Complaint {
  return value === undefined ? "lockstep" : (SUBJECTS.find((name) => name === value) ?? wrong("--system", value, SUBJECTS.join(", ")));
}

const UNITS_MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, "": 1000 };

/** A time in milliseconds: `60s`, `5m`, `500ms`; a plain number is in seconds. */
export function budgetOf(value: unknown): number | Complaint {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h|)$/.exec(String(value));
  const budget_ms = match === null ? 0 : Number(match[1]) * (UNITS_MS[match[2] ?? ""] ?? 0);
  return budget_ms > 0 ? budget_ms : wrong("--budget", value, "a time above zero, such as 60s, 5m or 500ms");
}

/** A whole number of an option. */
export function wholeOf(option: string, value: unknown, least: number, most: number): number | Complaint {
  const n = typeof value === "number" ? value : Number.NaN;
  return Number.isInteger(n) && least <= n && n <= most ? n : wrong(option, value, `a whole number from ${least} to ${most}`);
}
