/** A private copy of a state: containers are copied, records are shared, because no rule edits a record. */
import type { State, TaskWork, Work } from "./state.ts";

/** A copy of a state that a run may edit: no container of it is shared with the original. */
export function copyWork(state: State): Work {
  const s = state as Work;
  return {
    profile: s.profile,
    pages: s.pages,
    limits: s.limits,
    actors: s.actors.map((a) => a && { mm: a.mm, alive: a.alive, files: a.files.slice() }),
    mms: s.mms.map((m) => ({
      users: m.users,
      vmas: m.vmas.slice(),
      ptes: m.ptes.slice(),
      lock: { writer: m.lock.writer, readers: m.lock.readers.slice() },
      hmm: m.hmm,
      active: m.active,
      seq: m.seq,
    })),
    files: s.files.map((f) => ({ ...f, dpt: f.dpt.slice() })),
    frames: s.frames.slice(),
    anonVmas: s.anonVmas.slice(),
    shmems: s.shmems.map((o) => ({ pages: o.pages.slice() })),
    devices: s.devices.map((d) => ({ kind: d.kind, chunks: d.chunks.map((c) => ({ ...c })), freeList: d.freeList.slice() })),
    slots: s.slots.slice(),
    tasks: s.tasks.length === 0 ? [] : s.tasks.map(copyTask),
    dummies: s.dummies,
    replicas: s.replicas,
    notes: s.notes,
    tainted: s.tainted,
  };
}

function copyTask(task: TaskWork): TaskWork {
  return { id: task.id, actor: task.actor, stack: structuredClone(task.stack), ret: task.ret, why: { ...task.why } };
}
