/**
 * Who is alive. In: a pid. Out: its identity (pid, start time and command line together survive pid reuse), its
 * descendants and its process group. Reads /proc on Linux and asks `ps` elsewhere.
 */
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync, readdirSync } from 'node:fs'

/** A pid alone may be reused; with start time and command line it names one process for ever. */
export interface ProcessIdentity {
  readonly pid: number
  /** Opaque: clock ticks since boot plus the boot id on Linux, a date elsewhere. */
  readonly start: string
  /** Arguments joined by spaces; empty where the system was still loading the program. */
  readonly command: string
}

export interface ProcessRow {
  readonly pid: number
  readonly ppid: number
  readonly pgid: number
  readonly start: string
  /** Ended, but its parent has not yet asked for the exit code. */
  readonly zombie: boolean
}

const hasProc = existsSync('/proc/self/stat')
const bootId = hasProc ? readText('/proc/sys/kernel/random/boot_id').trim().slice(0, 8) : ''

/** null when no such process lives (a zombie no longer does). */
export function identityOf(pid: number): ProcessIdentity | null {
  const row = rowOf(pid)
  if (row === null || row.zombie) return null
  const command = hasProc
    ? readText(`/proc/${String(pid)}/cmdline`)
        .replace(/\0+$/, '')
        .replaceAll('\0', ' ')
    : ps(['-o', 'command=', '-p', String(pid)]).trim()
  return { pid, start: row.start, command }
}

/**
 * Whether this very process still lives. A wrapper such as `unshare … postgres -D dir` replaces itself: what follows
 * is the tail of what was recorded, so a tail of the recorded command is a match and anything else is not. While the
 * system loads a program its command line reads as empty (1 in 300 starts through `unshare`): an empty one, recorded or
 * read now, says nothing, and the start time decides alone.
 */
export function isAlive(identity: ProcessIdentity): boolean {
  const now = identityOf(identity.pid)
  if (now?.start !== identity.start) return false
  if (now.command === '' || identity.command === '') return true
  return identity.command.endsWith(now.command)
}

/** One process by pid; null when there is none. */
export function rowOf(pid: number): ProcessRow | null {
  if (hasProc) return parseStat(readText(`/proc/${String(pid)}/stat`))
  return parsePs(ps([...PS_COLUMNS, '-p', String(pid)]))[0] ?? null
}

export function allRows(): readonly ProcessRow[] {
  if (!hasProc) return parsePs(ps(['-ax', ...PS_COLUMNS]))
  const rows: ProcessRow[] = []
  for (const entry of readdirSync('/proc')) {
    const row = /^\d+$/.test(entry) ? parseStat(readText(`/proc/${entry}/stat`)) : null
    if (row !== null) rows.push(row)
  }
  return rows
}

/** The process, its descendants and the members of the groups they lead; found by a scan of all processes. */
export function treeOf(root: number): readonly ProcessRow[] {
  const rows = allRows().filter((row) => !row.zombie)
  const wanted = new Set([root])
  for (let size = 0; size !== wanted.size;) {
    size = wanted.size
    for (const row of rows) if (wanted.has(row.ppid) || wanted.has(row.pgid)) wanted.add(row.pid)
  }
  return rows.filter((row) => wanted.has(row.pid))
}

/**
 * Live pids of the process and its descendants, cheap enough to ask every second: follows the kernel's child lists
 * instead of scanning every process. The kernel keeps one list per thread: a child is in that of the thread that forked it.
 */
export function livePids(root: number): readonly number[] {
  if (!hasProc || !existsSync(`/proc/${String(root)}/task/${String(root)}/children`)) {
    return treeOf(root).map((row) => row.pid)
  }
  const found: number[] = []
  const queue = [root]
  for (let pid = queue.pop(); pid !== undefined; pid = queue.pop()) {
    const row = rowOf(pid)
    if (row === null || row.zombie) continue
    found.push(pid)
    queue.push(...childrenOf(pid))
  }
  return found
}

/** Of every thread. A thread that ended left its children to another one of its process. */
function childrenOf(pid: number): readonly number[] {
  const tasks = `/proc/${String(pid)}/task`
  return entriesOf(tasks).flatMap((thread) =>
    readText(`${tasks}/${thread}/children`)
      .split(' ')
      .filter((child) => child.trim() !== '')
      .map(Number),
  )
}

/** pid (comm) state ppid pgrp … starttime is field 22; comm may hold spaces and parentheses. */
function parseStat(text: string): ProcessRow | null {
  const open = text.indexOf('(')
  const close = text.lastIndexOf(')')
  if (open < 0 || close < 0) return null
  const fields = text.slice(close + 2).split(' ')
  const start = fields[19]
  if (start === undefined) return null
  return {
    pid: Number(text.slice(0, open)),
    ppid: Number(fields[1]),
    pgid: Number(fields[2]),
    start: `${start}@${bootId}`,
    zombie: fields[0] === 'Z' || fields[0] === 'X',
  }
}

const PS_COLUMNS = ['-o', 'pid=,ppid=,pgid=,stat=,lstart=']

function parsePs(text: string): readonly ProcessRow[] {
  return text.split('\n').flatMap((line) => {
    const match = /^\s*(\d+)\s+(\d+)\s+(\d+)\s+(\S+)\s+(.+?)\s*$/.exec(line)
    if (match === null) return []
    const [, pid, ppid, pgid, stat = '', start = ''] = match
    return [
      {
        pid: Number(pid),
        ppid: Number(ppid),
        pgid: Number(pgid),
        start,
        zombie: stat.startsWith('Z'),
      },
    ]
  })
}

/** Processes end while they are read: a missing file is an empty answer. */
function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}

function entriesOf(dir: string): readonly string[] {
  try {
    return readdirSync(dir)
  } catch {
    return []
  }
}

function ps(args: readonly string[]): string {
  try {
    return execFileSync('ps', args, {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
      env: { ...process.env, LC_ALL: 'C' },
    })
  } catch {
    return ''
  }
}
