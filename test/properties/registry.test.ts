/** The conventions of properties: names, partners, requirements; and the parts of a watch that the other tests do not see. */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { modelSystem } from "../../check/model-system.ts";
import { setupOf } from "../../check/setup.ts";
import { ALWAYS, firstViolation, PROPERTIES, SOMETIMES, STEP_PROPERTIES, Watch } from "../../properties/index.ts";
import { REQUIREMENTS } from "../../spec/requirements.ts";
import { ROOT } from "../meta/source-files.ts";
import { testCase } from "./runs.ts";
import { calling, on, script } from "./script.ts";

const FOLDERS = [
  ["always", ALWAYS],
  ["step", STEP_PROPERTIES],
  ["sometimes", SOMETIMES],
] as const;

describe("the registry", () => {
  it.each(FOLDERS)("has one property for each file in %s, with the name of the file", (folder, properties) => {
    const files = readdirSync(join(ROOT, "properties", folder)).map((file) => file.replace(/\.ts$/, ""));
    expect(properties.map(({ id }) => id).toSorted()).toEqual(files.toSorted());
    expect(properties.filter(({ kind }) => kind !== folder)).toEqual([]);
  });

  it("gives every property of states and steps a partner that shows that it is about something", () => {
    const partners = SOMETIMES.map(({ of }) => of);
    expect([...ALWAYS, ...STEP_PROPERTIES].map(({ id }) => id).filter((id) => !partners.includes(id))).toEqual([]);
    const ids: readonly string[] = [...ALWAYS, ...STEP_PROPERTIES].map(({ id }) => id);
    expect(partners.filter((id) => !ids.includes(id))).toEqual([]);
  });

  it("names requirements, and says what it states in a sentence", () => {
    for (const { spec, statement } of PROPERTIES) {
      expect(spec.length).toBeGreaterThan(0);
      expect(new Set(spec).size).toBe(spec.length);
      expect(spec.filter((id) => !(id in REQUIREMENTS))).toEqual([]);
      expect(statement).toMatch(/^\w.*\.$/);
    }
  });
});

describe("a watch", () => {
  it("comes back to a history that it has saved", () => {
    const s = script({});
    s.call(on.mmap);
    s.call(on.write);
    const task = s.begin(calling(on.toDevice));
    s.until(task, "migrate.m3");
    const saved = { state: s.system.save(), history: s.watch.save() };
    for (let n = 0; n < 2; n++) {
      s.finish(task);
      s.call({ ...on.write, value: 9 });
      s.call(on.munmap);
      expect(s.watch.violation).toBeNull();
      s.system.restore(saved.state);
      s.watch.restore(saved.history);
    }
    s.finish(task);
    s.call(on.read);
    expect(s.watch.violation).toBeNull();
  });

  it("that forgets the history of a state finds it wrong", () => {
    const s = script({});
    s.call(on.mmap);
    const history = s.watch.save();
    s.call(on.write);
    s.watch.restore(history);
    s.call(on.read);
    expect(s.watch.violation?.property).toBe("value-integrity");
  });

  it("names property, requirements, sentence and place", () => {
    const system = modelSystem(setupOf(testCase(0)));
    const never = { ...ALWAYS[0]!, id: "never", check: () => "frame 1 is there" };
    expect(new Watch(system, [never]).violation).toEqual({
      property: "never",
      spec: never.spec,
      statement: never.statement,
      witness: "frame 1 is there",
    });
  });
});

describe("a state alone", () => {
  it("keeps the properties that need no history", () => {
    const s = script({});
    s.call(on.mmap);
    s.call(on.deviceWrite);
    expect(firstViolation(s.system.view, ALWAYS)).toBeNull();
  });

  it("is told where it breaks one", () => {
    const s = script({ driver: "dmirror-fixed" });
    s.call(on.mmap);
    s.call(on.deviceWrite);
    s.until(s.begin(calling(on.toDevice)), "migrate.m3");
    expect(firstViolation(s.system.view, ALWAYS)?.property).toBe("mirror-consistency");
  });
});
