/**
 * Shared memory that outlives a killed process. In: live pids, before they are killed. Out: the segments they have
 * mapped, and a way to free them afterwards (a PostgreSQL that gets SIGKILL leaves one System V segment and one file
 * under /dev/shm behind, until somebody removes them).
 */
import { execFileSync } from 'node:child_process'
import { readFileSync, rmSync } from 'node:fs'

export interface SharedSegments {
  readonly systemVIds: readonly string[]
  readonly files: readonly string[]
}

export function segmentsOf(pids: readonly number[]): SharedSegments {
  const systemVIds = new Set<string>()
  const files = new Set<string>()
  for (const pid of pids) {
    for (const line of mapsOf(pid).split('\n')) {
      // address perms offset device inode path; for System V segments the inode is the segment's id.
      const match = /^\S+ \S+ \S+ \S+ (\d+)\s+(\/\S+)/.exec(line)
      const [, inode = '', path = ''] = match ?? []
      if (path.startsWith('/SYSV')) systemVIds.add(inode)
      if (path.startsWith('/dev/shm/PostgreSQL.')) files.add(path)
    }
  }
  return { systemVIds: [...systemVIds], files: [...files] }
}

/** Frees segments nobody uses any more; one that is gone already, or still attached, is left as it is. */
export function freeSegments(segments: SharedSegments): void {
  for (const file of segments.files) rmSync(file, { force: true })
  for (const id of segments.systemVIds) {
    try {
      execFileSync('ipcrm', ['-m', id], { stdio: 'ignore' })
    } catch {
      // Freed by the engine itself, or this machine has no ipcrm; a segment is 56 bytes.
    }
  }
}

function mapsOf(pid: number): string {
  try {
    return readFileSync(`/proc/${String(pid)}/maps`, 'utf8')
  } catch {
    return ''
  }
}
