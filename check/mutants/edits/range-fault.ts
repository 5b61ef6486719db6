/** Device faults: the bugs of `range-fault.ts` and `mirror.ts` in the implementation. */
import type { SourceEdit } from "../mutant.ts";

const RANGE_FAULT = "impl/ops/range-fault.ts";
const RANGE_LOOK = "impl/ops/range-look.ts";
const DEVICE_FAULT = "impl/ops/device-fault.ts";
const DEVICE_ACCESS = "impl/ops/device-access.ts";

const OWNED = "if (ownerFilter && devOf(h, ptePayload(pte)) !==";
const PUT_MM = "put: { apply: (h, t, r) => putMm(h, t, r,";
const RECORDED = "h.task[resultAt(h, t, r, at)] = result;";
const INSTALLS = "setDpte(h, file, v, makeDpte(pfn, zero,";

/** By mutant. */
export const RANGE_FAULT_EDITS: Readonly<Record<string, SourceEdit>> = {
  B16: {
    file: RANGE_FAULT,
    find: "const write = h.task[r + R.write] !== 0;",
    replace: "if ((h.pt.get(mm, at) & 7) === 5) return stopAt(h, t, r, EFAULT); const write = h.task[r + R.write] !== 0;",
  },
  B17: {
    file: RANGE_LOOK,
    find: OWNED,
    replace: "if (ownerFilter && h.task[r + RANGE.request] === 0 && devOf(h, ptePayload(pte)) !==",
  },
  B25: {
    file: RANGE_FAULT,
    find: RECORDED,
    replace: "h.task[resultAt(h, result === RANGE.bad ? (t + 1) % h.capacity.tasks : t, r, at)] = result;",
  },
  B26: {
    file: RANGE_LOOK,
    find: "const wantsWrite = request &&",
    replace: "const wantsWrite = request && h.task[r + R.at] === h.task[r + R.start] &&",
  },
  B41: {
    file: RANGE_FAULT,
    find: "if (vma >= 0 && (singleVma ||",
    replace: "if (vma >= 0 && h.vma[vma + VMA.map] !== MAP.device && (singleVma ||",
  },
  B42: {
    file: RANGE_FAULT,
    find: RECORDED,
    replace: `if (result === RANGE.none && h.pt.get(mm, at) === 0) return stopAt(h, t, r, errnoAnswer(errnoIndex("EBUSY"))); ${RECORDED}`,
  },
  B45: { file: RANGE_LOOK, find: "if (singleVma)", replace: "if (!request)" },
  B56: { file: RANGE_LOOK, find: "if (singleVma)", replace: "if (!request) return found(pte, ptePayload(pte), 0, read); if (singleVma)" },
  T11: {
    file: RANGE_FAULT,
    find: "lookAtPte(h, r, vma, h.pt.get(mm, at))",
    replace:
      "lookAtPte(h, r, vma, h.pt.get(mm, " +
      "h.task[r + RANGE.request] === 0 && (h.pt.get(mm, at) & 7) > 2 && at > h.task[r + R.start] ? at - 1 : at))",
  },
  U8: { file: RANGE_LOOK, find: "ownReadOnlyFaults || driver.writesReadOnlyPrivate", replace: "ownReadOnlyFaults" },
  g21: {
    file: RANGE_LOOK,
    find: OWNED,
    replace: "if (ownerFilter && h.task[r + RANGE.request] !== 0 && devOf(h, ptePayload(pte)) !==",
  },
  g30: { file: RANGE_LOOK, find: OWNED, replace: "if ((ownerFilter && devOf(h, ptePayload(pte)) > 0) || -1 ===" },
  B36: {
    file: DEVICE_FAULT,
    find: PUT_MM,
    replace:
      "put: { apply: (h, t, r) => (h.mm[h.task[r + R.mm] * h.mmWords + MM.users] === 1 && " +
      "h.file[h.task[r + R.file] * FILE.words + FILE.mutex] === 0 && " +
      "(h.file[h.task[r + R.file] * FILE.words + FILE.mutex] = t + 1) === 0) || putMm(h, t, r,",
  },
  B43: { file: DEVICE_ACCESS, find: "driverUnlock(h, file);", replace: "" },
  B44: {
    file: RANGE_FAULT,
    find: "h.task[r + RANGE.error] = error;",
    replace: "h.task[r + RANGE.error] = error; readLock(h, h.task[r + R.mm], t);",
  },
  B46: {
    file: RANGE_FAULT,
    find: INSTALLS,
    replace: `if (v + 1 === end && end < h.pages && !zero) setDpte(h, file, end, makeDpte(pfn + 1, false, TAG.read, false)); ${INSTALLS}`,
  },
  B51: {
    file: RANGE_FAULT,
    find: "const last = h.task[r + RANGE.fault]",
    replace: "readUnlock(h, mm, t); const last = h.task[r + RANGE.fault]",
    killedBy: "lock-discipline",
  },
  B58: { file: DEVICE_FAULT, find: "answer(h, t, EFAULT)", replace: "answer(h, t, NIL)" },
  "B62-stale": {
    file: RANGE_FAULT,
    find: "h.task.fill(RANGE.input,",
    replace:
      "while (h.task[r + R.at] < h.task[r + R.end] && " +
      "(h.task[resultAt(h, t, r, h.task[r + R.at])] & RANGE.kind_mask) === RANGE.found) h.task[r + R.at] += 1; " +
      "if (h.task[r + R.at] === start) h.task.fill(RANGE.input,",
  },
  "B62-users": {
    file: DEVICE_FAULT,
    find: PUT_MM,
    replace: "put: { apply: (h, t, r) => ((_h, _t, _r, _mm, then) => goto(h, r, then))(h, t, r,",
  },
  T5: { file: RANGE_FAULT, find: 'busy ? STEP["hmm_range_fault.d2"] :', replace: "" },
  U3: { file: RANGE_FAULT, find: "!zero && h.profile.driver.storesDevicePage &&", replace: "!zero &&" },
  U4: { file: DEVICE_FAULT, find: "h.profile.goneMirrorFault !== null || !h.profile.driver.hangsOnGoneMirror", replace: "false" },
  U16: { file: DEVICE_FAULT, find: "at + h.profile.driver.faultBatch,", replace: "at + 64," },
  g1: { file: RANGE_FAULT, find: "driverFree(h, h.task[r + R.file]", replace: "true || driverFree(h, h.task[r + R.file]" },
};
