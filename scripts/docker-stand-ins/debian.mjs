// Debian's packages, from wherever this machine's own apt is told to get them: no address is written here.
import { mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { run, say } from './run.mjs'
import { Unready } from './unready.mjs'

const KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg'
let listsAreFresh = false

/** @throws Unready where this is not Debian, or not root. */
export function requireDebianRoot() {
  const release = readFileSync('/etc/os-release', 'utf8')
  if (!/^ID=debian$/m.test(release)) {
    throw new Unready('no Docker engine is reachable, and one is started by hand on Debian only')
  }
  if (process.getuid?.() !== 0) {
    throw new Unready('no Docker engine is reachable, and only root may start one by hand')
  }
}

/** Installs what is missing. */
export function install(...packages) {
  const installed = installedPackages()
  const missing = packages.filter((name) => !installed.has(name))
  if (missing.length === 0) return
  say(`installing ${missing.join(', ')} …`)
  const env = { DEBIAN_FRONTEND: 'noninteractive' }
  refreshLists()
  run('apt-get', ['install', '--yes', '--no-install-recommends', ...missing], { env })
}

/** dpkg also knows packages that are not installed, after a try that failed for instance. */
function installedPackages() {
  const lines = run('dpkg-query', ['--show', '--showformat=${Package} ${db:Status-Status}\n'])
  return new Set(
    lines.split('\n').flatMap((line) => {
      const [name, status] = line.split(' ')
      return status === 'installed' ? [name] : []
    }),
  )
}

function refreshLists() {
  if (listsAreFresh) return
  run('apt-get', ['update', '-q'])
  listsAreFresh = true
}

/** The mirror of Debian itself, without the security one. */
export function mirror() {
  const ask = () =>
    run('apt-get', ['indextargets', '--format', '$(REPO_URI)', 'Created-By: Packages'])
      .split('\n')
      .filter((uri) => uri !== '' && !uri.includes('security'))
  let [uri] = ask()
  if (uri === undefined) {
    refreshLists()
    uri = ask()[0]
  }
  if (uri === undefined) throw new Unready('apt knows no mirror: `apt-get indextargets` lists none')
  return uri
}

/** Unpacks one package of another release into a folder, without installing it; apt checks signature and checksum. */
export function unpackFrom(release, name, folder) {
  const apt = join(folder, 'apt')
  for (const part of ['lists/partial', 'archives/partial', 'download', 'root']) {
    mkdirSync(join(apt, part), { recursive: true })
  }
  const list = join(apt, 'sources.list')
  writeFileSync(list, `deb [signed-by=${KEYRING}] ${mirror()} ${release} main\n`)
  const options = [
    `Dir::Etc::sourcelist=${list}`,
    'Dir::Etc::sourceparts=/dev/null',
    `Dir::State::lists=${join(apt, 'lists')}`,
    `Dir::Cache=${apt}`,
    'APT::Sandbox::User=root',
  ].flatMap((option) => ['-o', option])
  run('apt-get', [...options, 'update', '-q'])
  run('apt-get', [...options, 'download', name], { cwd: join(apt, 'download') })
  const [file] = readdirSync(join(apt, 'download'))
  const root = join(folder, name)
  run('dpkg-deb', ['--extract', join(apt, 'download', file), root])
  rmSync(apt, { recursive: true })
  return root
}
