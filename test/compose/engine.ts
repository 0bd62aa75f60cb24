/**
 * A Docker engine for the tests of this folder: the one that is reachable, else one that is started by hand with stand-ins
 * for the official images and ended afterwards. Where neither is possible it says why, and the tests find no engine.
 */
import { execFileSync, spawnSync } from 'node:child_process'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { packageRoot } from '../../src/kit/paths.ts'

const SCRIPT = join(packageRoot, 'scripts', 'docker-stand-ins.mjs')

export default function setup(): (() => void) | undefined {
  if (isReachable()) return undefined
  // Of this run alone: another run's end must not take it away.
  process.env['HEADROOM_DOCKER_FOLDER'] ??= join(tmpdir(), `headroom-docker-${process.pid}`)
  const up = spawnSync(process.execPath, [SCRIPT, 'up'], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  if (up.status !== 0) return undefined
  // Test processes are started after this one's environment has changed.
  Object.assign(process.env, JSON.parse(up.stdout))
  return () => {
    execFileSync(process.execPath, [SCRIPT, 'down'], { stdio: 'ignore' })
  }
}

function isReachable(): boolean {
  const answers = (args: readonly string[]) =>
    spawnSync('docker', args, { stdio: 'ignore' }).status === 0
  return answers(['version']) && answers(['compose', 'version'])
}
