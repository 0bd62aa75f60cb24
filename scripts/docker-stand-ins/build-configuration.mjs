// What a build in a container must be told to reach this machine's npm registry: handed over as build secrets.
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { run } from './run.mjs'

/** Of this machine's paths, or of its npm's own business. */
const NOT_FOR_OTHERS = /^\s*(cafile|prefix|cache|globalconfig|userconfig|nodedir)\s*=/
/** May come from the environment, so from no file. */
const FROM_ANYWHERE = ['registry', 'proxy', 'https-proxy']

/** @returns variables that docker-compose.yml reads */
export function buildConfiguration(folder) {
  const npmrc = join(folder, 'npmrc')
  const lines = ['globalconfig', 'userconfig'].flatMap((name) => {
    const file = ask(name)
    return file !== null && existsSync(file) ? readFileSync(file, 'utf8').split('\n') : []
  })
  const asked = FROM_ANYWHERE.flatMap((name) => {
    const value = ask(name)
    return value === null ? [] : [`${name}=${value}`]
  })
  const kept = lines.filter((line) => !NOT_FOR_OTHERS.test(line))
  writeFileSync(npmrc, [...kept, ...asked, ''].join('\n'), { mode: 0o600 })
  const ca = [process.env['NODE_EXTRA_CA_CERTS'], ask('cafile')].find(
    (file) => typeof file === 'string' && existsSync(file),
  )
  return {
    HEADROOM_BUILD_NETWORK: 'host',
    HEADROOM_NPMRC: npmrc,
    ...(ca === undefined ? {} : { HEADROOM_CA: ca }),
  }
}

function ask(name) {
  const value = run('npm', ['config', 'get', name]).trim()
  return ['', 'null', 'undefined'].includes(value) ? null : value
}
