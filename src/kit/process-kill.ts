/**
 * Ends process trees for certain. In: a leader's identity. Out: every descendant is gone, wherever it moved its group
 * (PostgreSQL's backends each call setsid, so a kill of the leader's group alone misses them).
 */
import { setTimeout as delay } from 'node:timers/promises'
import type { ProcessIdentity, ProcessRow } from './process-table.ts'
import { isAlive, rowOf, treeOf } from './process-table.ts'
import { freeSegments, segmentsOf } from './shared-memory.ts'

const GONE_WITHIN_MS = 10_000

/**
 * SIGKILLs the process and all its descendants, waits until they are gone, and frees the shared memory that a killed
 * process cannot free itself. The leader is stopped first, so that it
 * cannot fork or reap while the tree is read. A leader that already ended takes its group's orphans along.
 * @returns the pids that were killed; empty when the identity no longer names a live process or group
 */
export async function killTree(leader: ProcessIdentity): Promise<readonly number[]> {
  const leaderAlive = isAlive(leader)
  // A pid that was reused by somebody else's process must not be touched; a group keeps its leader's number reserved.
  const holder = rowOf(leader.pid)
  if (!leaderAlive && holder !== null && holder.start !== leader.start) return []
  if (leaderAlive) signalPid(leader.pid, 'SIGSTOP')
  const killed = new Map<number, ProcessRow>()
  const segments = segmentsOf(treeOf(leader.pid).map((row) => row.pid))
  const deadline = performance.now() + GONE_WITHIN_MS
  for (;;) {
    for (const row of treeOf(leader.pid)) {
      killed.set(row.pid, row)
      signalPid(row.pid, 'SIGKILL')
    }
    const left = [...killed.values()].filter((row) => stillThere(row))
    if (left.length === 0) {
      if (killed.size > 0) freeSegments(segments)
      return [...killed.keys()]
    }
    if (performance.now() > deadline) {
      throw new Error(
        `processes survived SIGKILL: ${left.map((row) => String(row.pid)).join(', ')}`,
      )
    }
    await delay(5)
  }
}

/** Sends a signal to the process and all its descendants. */
export function signalTree(leader: ProcessIdentity, signal: 'SIGSTOP' | 'SIGCONT'): void {
  if (!isAlive(leader)) return
  for (const row of treeOf(leader.pid)) signalPid(row.pid, signal)
}

/** false when the process is gone or not ours. */
export function signalPid(pid: number, signal: NodeJS.Signals): boolean {
  try {
    return process.kill(pid, signal)
  } catch {
    return false
  }
}

function stillThere(row: ProcessRow): boolean {
  const now = rowOf(row.pid)
  return now !== null && !now.zombie && now.start === row.start
}
