/** Another load generator on the same target. In: a load. Out: CPU its whole process took, all threads, for how many requests. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'

export interface PeerLoad {
  /** Where events are posted. */
  readonly url: URL
  readonly connections: number
  readonly body: string
  readonly signal: AbortSignal
}

export interface CpuUse {
  readonly cpuUs: number
  readonly requests: number
}

export interface Peer {
  readonly name: string
  /** How to get it where it is not installed. */
  readonly install: string
  readonly isInstalled: () => boolean
  /** About `requests` requests, each connection's next one as soon as it has an answer. @throws Error when one failed */
  readonly closedLoop: (load: PeerLoad, requests: number) => Promise<CpuUse>
  /** null where it keeps no even rate. @throws Error when a request failed */
  readonly atRate:
    | ((
        load: PeerLoad,
        rate: { readonly perS: number; readonly seconds: number },
      ) => Promise<CpuUse>)
    | null
}

interface CommandRun {
  readonly command: string
  readonly args: readonly string[]
  readonly env?: NodeJS.ProcessEnv
  readonly signal: AbortSignal
}

/** Runs a program to its end. The shell tells what its children used: user and system time of all their threads. */
export async function cpuOfCommand(run: CommandRun): Promise<{ cpuUs: number; stdout: string }> {
  const child = spawn(
    'sh',
    ['-c', '"$0" "$@"; code=$?; times; exit $code', run.command, ...run.args],
    {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...run.env },
      signal: run.signal,
    },
  )
  const out: Buffer[] = []
  const said: Buffer[] = []
  child.stdout.on('data', (chunk: Buffer) => out.push(chunk))
  child.stderr.on('data', (chunk: Buffer) => said.push(chunk))
  const [code] = (await once(child, 'close')) as [number | null]
  if (code !== 0) {
    const why = Buffer.concat(said).toString('utf8').trim().split('\n').slice(-3).join(' | ')
    throw new Error(`${run.command} ended with ${String(code)}: ${why}`)
  }
  const text = Buffer.concat(out).toString('utf8').trimEnd()
  const times = /(\d+)m([\d.]+)s (\d+)m([\d.]+)s$/.exec(text)
  if (times === null) throw new Error(`the shell did not say what ${run.command} took`)
  const [userM, userS, systemM, systemS] = times.slice(1).map(Number)
  const cpuS = 60 * ((userM ?? 0) + (systemM ?? 0)) + (userS ?? 0) + (systemS ?? 0)
  return { cpuUs: cpuS * 1e6, stdout: text }
}

/** What a program takes to start is not what a request takes: the same with one request is measured and subtracted. */
export async function withoutStart(
  use: (requests: number | null) => Promise<CpuUse>,
): Promise<CpuUse> {
  const start = await use(1)
  const whole = await use(null)
  return { cpuUs: whole.cpuUs - start.cpuUs, requests: whole.requests - start.requests }
}
