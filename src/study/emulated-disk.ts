/**
 * A slow disk, emulated where this one's fsync is nearly free. In: targets and the fsync seen. Out: one more target for
 * each that commits to PostgreSQL here, whose every commit waits 1 ms before its flush. Labelled, run once, never ranked.
 */
import { mkdirSync } from 'node:fs'
import { measureFsyncP50Us } from '../kit/disk.ts'
import { messageOf } from '../kit/errors.ts'
import type { Log } from '../kit/log.ts'
import type { StudyRecord } from '../results/record.ts'
import { needsOf } from '../target/roles.ts'
import type { Target } from '../target/target.ts'
import { OwnTarget } from '../target/target.ts'
import { parseArchitectureSettings } from '../target/up.ts'

/** Below this a disk (or its cache) does not wait for stable storage: design.md, honesty rule 5. */
const FREE_FSYNC_BELOW_US = 200
const EMULATED_FSYNC_US = 1_000

export type EmulatedTarget = NonNullable<StudyRecord['emulated']>[number] & {
  readonly target: OwnTarget
}

/** @param fsyncP50Us of the disk that holds engine data; null where it is not known: then nothing is emulated */
export function emulatedTargets(
  targets: readonly Target[],
  {
    fsyncP50Us,
    isSeen,
  }: {
    readonly fsyncP50Us: number | null
    /** Whether a target's data lies on that disk. */
    readonly isSeen: (target: Target) => boolean
  },
): readonly EmulatedTarget[] {
  if (fsyncP50Us === null || fsyncP50Us >= FREE_FSYNC_BELOW_US) return []
  return targets.flatMap((target) => {
    // A container's disk, or that of the user's own server or service, is another: what it costs is not known.
    if (target.kind === 'service' || !isSeen(target)) return []
    const { architecture } = parseArchitectureSettings(target)
    const role = needsOf(architecture).find(
      ([, { kind, of }]) => kind === 'postgres' && of === null,
    )?.[0]
    if (role === undefined || !isDurable(target, role)) return []
    const choice = target.engines[role]
    const settings = {
      ...choice?.settings,
      // Every commit sleeps this long before it flushes, whether or not another one is under way.
      commit_delay: EMULATED_FSYNC_US,
      commit_siblings: 0,
    }
    return {
      of: target.name,
      fsyncUs: EMULATED_FSYNC_US,
      target: OwnTarget.parse({
        ...target,
        name: `${target.name}-fsync-1ms`,
        description: `${target.name} with an emulated fsync of 1 ms (commit_delay)`,
        engines: { ...target.engines, [role]: { ...choice, settings } },
      }),
    }
  })
}

/** A commit that waits for no flush has no fsync to emulate. */
function isDurable(target: OwnTarget, role: string): boolean {
  const settings = target.engines[role]?.settings ?? {}
  return (
    String(settings['synchronous_commit'] ?? 'on') !== 'off' &&
    String(settings['fsync'] ?? 'on') !== 'off'
  )
}

/** The disk that will hold engine data; null where it cannot be written, which the first run then says better. */
export function fsyncOf({
  workDir,
  log,
}: {
  readonly workDir: string
  readonly log: Log
}): number | null {
  try {
    mkdirSync(workDir, { recursive: true })
    return measureFsyncP50Us(workDir)
  } catch (error) {
    log(`fsync latency of ${workDir} is not known: ${messageOf(error)}`)
    return null
  }
}
