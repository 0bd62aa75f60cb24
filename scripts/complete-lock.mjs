// Run after `npm install` against a registry that lacks packages for other platforms: npm leaves those optional
// packages out of package-lock.json, and then `npm ci` refuses the lock. Adds them, by version and platform only.
import { readFileSync, writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

const OS = /(?:^|[-/])(linux|darwin|win32|android|freebsd|openharmony)(?:[-.]|$)/
const CPU = /-(x64|arm64|arm|ia32|riscv64|ppc64|s390x)(?:[-.]|$)/
const LIBC = /-(gnu|musl)/

const file = resolve(fileURLToPath(import.meta.url), '../../package-lock.json')
const lock = JSON.parse(readFileSync(file, 'utf8'))

let added = 0
for (const [path, entry] of Object.entries(lock.packages)) {
  for (const [name, range] of Object.entries(entry.optionalDependencies ?? {})) {
    if (isLocked(path, name)) continue
    const version = /^\d+\.\d+\.\d+/.test(range) ? range : null
    if (version === null) throw new Error(`${name}@${range}: only exact versions can be added`)
    lock.packages[`node_modules/${name}`] = { version, ...platformOf(name), optional: true }
    added += 1
  }
}

lock.packages = Object.fromEntries(
  Object.entries(lock.packages).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)),
)
writeFileSync(file, `${JSON.stringify(lock, null, 2)}\n`)
process.stderr.write(`package-lock.json: ${String(added)} optional packages added\n`)

function isLocked(path, name) {
  if (lock.packages[`${path === '' ? '' : `${path}/`}node_modules/${name}`] !== undefined)
    return true
  return lock.packages[`node_modules/${name}`] !== undefined
}

function platformOf(name) {
  const os = OS.exec(name)?.[1]
  const cpu = CPU.exec(name)?.[1]
  const libc = os === 'linux' ? LIBC.exec(name)?.[1] : undefined
  return {
    ...(cpu === undefined ? {} : { cpu: [cpu] }),
    ...(libc === undefined ? {} : { libc: [libc === 'gnu' ? 'glibc' : 'musl'] }),
    ...(os === undefined ? {} : { os: [os] }),
  }
}
