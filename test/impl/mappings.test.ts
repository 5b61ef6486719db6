import { describe, expect, it } from "vitest";
import { Full } from "../../impl/capacity.ts";
import { VMA } from "../../impl/layout.ts";
import { findVma, vmaFrom } from "../../impl/vmas.ts";
import { drawChanges, FLAGS, MappingPair, PAGES, untouched } from "./mapping-pair.ts";

describe("mappings of the implementation", () => {
  it("are found by bisection, at both ends and in holes", () => {
    const pair = new MappingPair();
    for (const start of [1, 4, 8]) pair.insert(0, untouched(start, start + 2), true);
    const at = (row: number): number => (row < 0 ? -1 : (pair.words.vma[row + VMA.start] ?? -1));
    const found = Array.from({ length: PAGES }, (_, v) => at(findVma(pair.words, 0, v)));
    const from = Array.from({ length: PAGES }, (_, v) => at(vmaFrom(pair.words, 0, v)));
    expect(found).toEqual([-1, 1, 1, -1, 4, 4, -1, -1, 8, 8, -1, -1]);
    expect(from).toEqual([1, 1, 1, 4, 4, 4, 8, 8, 8, 8, -1, -1]);
    expect(findVma(pair.words, 1, 1)).toBe(-1);
  });

  it("[VMA-6] [VMA-8] join both neighbours", () => {
    const pair = new MappingPair();
    pair.insert(0, untouched(0, 2), true);
    pair.insert(0, untouched(4, 6), true);
    pair.insert(0, untouched(2, 4), true);
    expect(pair.mappings(0)).toEqual(["0-6"]);
  });

  it("[VMA-7] do not join a faulted one to an untouched one", () => {
    const pair = new MappingPair();
    pair.insert(0, untouched(0, 4), true);
    pair.change(0, 2, 4, { ...FLAGS, exec: true });
    pair.prepare(0, 2);
    pair.change(0, 2, 4, FLAGS);
    expect(pair.mappings(0)).toEqual(["0-2", "2-4 anon 0"]);
    pair.prepare(0, 0);
    expect(pair.mappings(0)).toEqual(["0-2 anon 0", "2-4 anon 0"]);
  });

  it("[VMA-9] join the right neighbour and not an untouched left one where the profile says so", () => {
    for (const mmapJoinsUntouchedLeft of [false, true]) {
      const pair = new MappingPair({ mmapJoinsUntouchedLeft });
      pair.insert(0, untouched(0, 2), true);
      pair.insert(0, untouched(4, 6), true);
      pair.prepare(0, 4);
      pair.insert(0, untouched(2, 4), true);
      expect(pair.mappings(0)).toEqual(mmapJoinsUntouchedLeft ? ["0-6 anon 0"] : ["0-2", "2-6 anon 0"]);
    }
  });

  it("[VMA-8] [VMA-9] join one of two neighbours that were faulted apart", () => {
    for (const mmapJoinsUntouchedLeft of [false, true]) {
      const pair = new MappingPair({ mmapJoinsUntouchedLeft });
      for (const start of [0, 4]) {
        pair.insert(0, untouched(start, start + 2), true);
        pair.prepare(0, start);
      }
      pair.insert(0, untouched(2, 4), true);
      expect(pair.mappings(0)).toEqual(mmapJoinsUntouchedLeft ? ["0-4 anon 0", "4-6 anon 1"] : ["0-2 anon 0", "2-6 anon 1"]);
    }
  });

  it("split and join like those of the model, whatever happens to them", () => {
    let mappings = 0;
    for (let seed = 1; seed <= 24; seed++)
      mappings += drawChanges(new MappingPair({ mmapJoinsUntouchedLeft: seed % 2 === 0 }, { anonVmas: 400 }), seed, 50);
    expect(mappings).toBeGreaterThan(24 * 50 * 2);
  });

  it("are walked for each page in the order of the model", () => {
    let places = 0;
    for (let seed = 101; seed <= 112; seed++) {
      const pair = new MappingPair({}, { anonVmas: 400 });
      drawChanges(pair, seed, 40);
      places += pair.compareWalks();
    }
    expect(places).toBeGreaterThan(100);
  });

  it("say which table is full", () => {
    const few = new MappingPair({}, { vmas: 2 });
    few.insert(0, untouched(0, 6), true);
    few.change(0, 0, 2, { ...FLAGS, exec: true });
    expect(() => few.change(0, 3, 4, { ...FLAGS, exec: true })).toThrow(Full);
    const anons = new MappingPair({}, { anonVmas: 1 });
    anons.insert(0, untouched(0, 2), true);
    anons.insert(0, untouched(4, 6), true);
    anons.prepare(0, 0);
    expect(() => anons.prepare(0, 4)).toThrow("anonVmas");
  });
});
