// Commands: what is said goes to a log, and a failure says the end of it.
import { spawnSync } from 'node:child_process'
import { Unready } from './unready.mjs'

const SHOWN_LINES = 6
const OUTPUT_BYTES_MAX = 64 * 2 ** 20

/** @returns what it printed. @throws Unready */
export function run(command, args, options = {}) {
  const result = spawnSync(command, args, {
    encoding: 'utf8',
    maxBuffer: OUTPUT_BYTES_MAX,
    stdio: ['ignore', 'pipe', 'pipe'],
    ...options,
    env: { ...process.env, ...options.env },
  })
  if (result.status === 0) return result.stdout
  const said = `${result.stdout ?? ''}\n${result.stderr ?? ''}`
  const why = result.error?.message ?? said.trim().split('\n').slice(-SHOWN_LINES).join('\n')
  throw new Unready(`${command} ${args[0] ?? ''} failed: ${why}`)
}

export function succeeds(command, args, options = {}) {
  return (
    spawnSync(command, args, {
      stdio: 'ignore',
      ...options,
      env: { ...process.env, ...options.env },
    }).status === 0
  )
}

export function say(line) {
  process.stderr.write(`docker stand-ins: ${line}\n`)
}
