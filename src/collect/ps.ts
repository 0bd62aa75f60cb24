/** Where there is no /proc (macOS): `ps`. In: pids. Out: CPU time and resident size of each that lives. */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

export interface PsRow {
  readonly pid: number
  readonly ppid: number
  readonly cpuS: number
  readonly residentBytes: number
}

const run = promisify(execFile)

export async function readPsRows(pids: readonly number[]): Promise<readonly PsRow[]> {
  if (pids.length === 0) return []
  try {
    const args = ['-o', 'pid=,ppid=,time=,rss=', '-p', pids.join(',')]
    const { stdout } = await run('ps', args, { env: { ...process.env, LC_ALL: 'C' } })
    return parsePsRows(stdout)
  } catch {
    // ps ends with 1 when none of the pids lives any more.
    return []
  }
}

export function parsePsRows(text: string): readonly PsRow[] {
  return text.split('\n').flatMap((line) => {
    const match = /^\s*(\d+)\s+(\d+)\s+(\S+)\s+(\d+)\s*$/.exec(line)
    if (match === null) return []
    const [, pid, ppid, time = '', kib] = match
    return [
      {
        pid: Number(pid),
        ppid: Number(ppid),
        cpuS: parsePsTime(time),
        residentBytes: Number(kib) * 1_024,
      },
    ]
  })
}

/** `1-02:03:04`, `02:03:04`, and on macOS minutes with hundredths: `123:04.56`. */
export function parsePsTime(time: string): number {
  const [days, clock] = time.includes('-') ? time.split('-') : ['0', time]
  const seconds = (clock ?? '').split(':').reduce((sum, part) => sum * 60 + Number(part), 0)
  return Number(days) * 86_400 + seconds
}
