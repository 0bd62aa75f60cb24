/** Peers are programs: whether they are here, and what they print. Secrets travel in the environment, never in arguments. */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import type { PostgresAddress } from '../src/engines/engine.ts'

export function isInstalled(name: string): boolean {
  return spawnSync(name, ['--version'], { stdio: 'ignore' }).error === undefined
}

/** @throws Error with what it said, when it ends with anything but 0 */
export async function runCommand(
  name: string,
  args: readonly string[],
  options: { readonly env?: NodeJS.ProcessEnv; readonly signal: AbortSignal },
): Promise<{ readonly stdout: string; readonly seconds: number }> {
  const startedMs = performance.now()
  const child = spawn(name, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...options.env },
    signal: options.signal,
  })
  const out: Buffer[] = []
  const said: Buffer[] = []
  child.stdout.on('data', (chunk: Buffer) => out.push(chunk))
  child.stderr.on('data', (chunk: Buffer) => said.push(chunk))
  const [code] = (await once(child, 'close')) as [number | null]
  const seconds = (performance.now() - startedMs) / 1_000
  if (code !== 0) {
    const why = Buffer.concat(said).toString('utf8').trim().split('\n').slice(-5).join(' | ')
    throw new Error(`${name} ended with ${String(code)}: ${why}`)
  }
  return { stdout: Buffer.concat(out).toString('utf8'), seconds }
}

/** What libpq's programs read. */
export function libpqEnv(address: PostgresAddress): NodeJS.ProcessEnv {
  return {
    PGHOST: address.host,
    PGPORT: String(address.port),
    PGUSER: address.user,
    PGDATABASE: address.database,
    PGSSLMODE: address.tls === 'off' ? 'disable' : 'verify-full',
    ...(address.password === undefined ? {} : { PGPASSWORD: address.password }),
  }
}

/** Rows' time only: what the same psql takes to start and connect is measured just before and subtracted. */
export async function psqlSeconds(
  args: readonly string[],
  address: PostgresAddress,
  signal: AbortSignal,
): Promise<number> {
  const env = libpqEnv(address)
  const all = ['-X', '-q', '-o', '/dev/null', '-v', 'ON_ERROR_STOP=1']
  const idle = await runCommand('psql', [...all, '-c', 'SELECT 1'], { env, signal })
  const busy = await runCommand('psql', [...all, ...args], { env, signal })
  return busy.seconds - idle.seconds
}
