/**
 * A Docker engine for the tests of this folder: the one that is reachable, else one that is started by hand with stand-ins
 * for the official images and ended afterwards. Where neither is possible it says why, and the tests find no engine.
 */
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { promisify } from 'node:util'
import { packageRoot } from '../../src/kit/paths.ts'

const SCRIPT = join(packageRoot, 'scripts', 'docker-stand-ins.mjs')

export default async function setup(): Promise<(() => Promise<void>) | undefined> {
  if (await isReachable()) return undefined
  // Of this run alone: another run's end must not take it away.
  process.env['HEADROOM_DOCKER_FOLDER'] ??= join(tmpdir(), `headroom-docker-${process.pid}`)
  const up = spawn(process.execPath, [SCRIPT, 'up'], { stdio: ['ignore', 'pipe', 'inherit'] })
  const ended = once(up, 'close')
  const printed = await text(up.stdout)
  await ended
  if (up.exitCode !== 0) return undefined
  // Test processes are started after this one's environment has changed.
  Object.assign(process.env, JSON.parse(printed))
  return async () => {
    await promisify(execFile)(process.execPath, [SCRIPT, 'down'])
  }
}

async function isReachable(): Promise<boolean> {
  try {
    await promisify(execFile)('docker', ['version'])
    await promisify(execFile)('docker', ['compose', 'version'])
    return true
  } catch {
    return false
  }
}
