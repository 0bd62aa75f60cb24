// A Docker engine and images to try docker-compose.yml on, where neither is there and images cannot be pulled: Debian, as
// root. `up` starts the engine, builds stand-ins for the official images from packages, and prints what to export;
// `down` stops the engine and removes all of it. Everything lies in one folder below the temporary one.
import { existsSync, mkdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startEngine, stopEngine } from './docker-stand-ins/engine.mjs'
import { buildStandIns } from './docker-stand-ins/images.mjs'
import { buildConfiguration } from './docker-stand-ins/build-configuration.mjs'
import { Unready } from './docker-stand-ins/unready.mjs'

const folder = process.env['HEADROOM_DOCKER_FOLDER'] ?? join(tmpdir(), 'headroom-docker-stand-ins')
const verb = process.argv[2]

try {
  if (verb === 'up') await up()
  else if (verb === 'down') await stopEngine(folder)
  else throw new Unready('usage: node scripts/docker-stand-ins.mjs up|down')
} catch (error) {
  if (!(error instanceof Unready)) throw error
  process.stderr.write(`${error.message}\n`)
  process.exitCode = 69
}

/** Prints the environment that reaches the engine, as JSON: what is said meanwhile goes to standard error. */
async function up() {
  const before = existsSync(join(folder, 'docker.pid'))
  mkdirSync(folder, { recursive: true, mode: 0o711 })
  try {
    const engine = await startEngine(folder)
    await buildStandIns(folder, engine)
    process.stdout.write(`${JSON.stringify({ ...engine, ...buildConfiguration(folder) })}\n`)
  } catch (error) {
    if (!before) await stopEngine(folder)
    throw error
  }
}
