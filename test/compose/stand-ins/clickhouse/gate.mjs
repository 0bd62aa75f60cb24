// What strangers reach on 8123: asks for user and password as the official server would, then hands the request to the
// engine, which knows neither. Starts the engine, makes CLICKHOUSE_DB, runs /docker-entrypoint-initdb.d, then opens.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readFileSync, readdirSync } from 'node:fs'
import { createServer, request as send } from 'node:http'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'

const ENGINE = { host: '127.0.0.1', port: 8124 }
const READY_ATTEMPTS = 600
const { CLICKHOUSE_USER = 'default', CLICKHOUSE_PASSWORD = '', CLICKHOUSE_DB = '' } = process.env
const INIT = '/docker-entrypoint-initdb.d'

for (const folder of ['data', 'tmp', 'user_files']) {
  mkdirSync(`/var/lib/clickhouse/${folder}`, { recursive: true })
}
const env = { ...process.env, CLICKHOUSE_PASSWORD: '' }
const engine = spawn(process.execPath, ['/opt/stand-in/engine.mjs'], {
  stdio: ['pipe', 'inherit', 'inherit'],
  env,
})
engine.on('exit', (code) => process.exit(code ?? 1))

await answers()
if (CLICKHOUSE_DB !== '') await run(`CREATE DATABASE IF NOT EXISTS ${CLICKHOUSE_DB}`)
for (const name of readdirSync(INIT)
  .filter((file) => file.endsWith('.sql'))
  .sort()) {
  const statements = readFileSync(`${INIT}/${name}`, 'utf8').split(/;\s*(?:\n|$)/)
  for (const statement of statements.filter((one) => one.trim() !== '')) await run(statement)
}

const gate = createServer(pass)
gate.keepAliveTimeout = 10_000
gate.listen(8123, '0.0.0.0', () => console.log(`ready on 8123 for ${CLICKHOUSE_USER}`))
for (const signal of ['SIGTERM', 'SIGINT']) {
  process.on(signal, () => {
    gate.close()
    gate.closeAllConnections()
    engine.stdin.end()
  })
}

function pass(incoming, outgoing) {
  const url = new URL(incoming.url, 'http://gate')
  const open = url.pathname === '/ping' || url.pathname === '/'
  const known = mayPass(incoming.headers, url.searchParams)
  if (!known && !(open && url.search === '' && incoming.method !== 'POST'))
    return refuse(incoming, outgoing)
  for (const name of ['user', 'password']) url.searchParams.delete(name)
  const headers = { ...incoming.headers }
  for (const name of ['authorization', 'x-clickhouse-user', 'x-clickhouse-key', 'connection'])
    delete headers[name]
  const path = url.pathname + url.search
  const onward = send({ ...ENGINE, path, method: incoming.method, headers, agent: false })
  onward.on('response', (answer) => {
    const headers = { ...answer.headers }
    // About the connection behind the gate, not the one before it.
    for (const name of ['connection', 'keep-alive']) delete headers[name]
    outgoing.writeHead(answer.statusCode, headers)
    answer.on('error', () => outgoing.destroy()).pipe(outgoing)
  })
  onward.on('error', () => outgoing.destroy())
  outgoing.on('close', () => onward.destroy())
  incoming.pipe(onward)
}

function mayPass(headers, search) {
  const basic = /^Basic (.+)$/i.exec(headers.authorization ?? '')
  const pair = basic === null ? null : Buffer.from(basic[1], 'base64').toString('utf8')
  const user =
    headers['x-clickhouse-user'] ?? search.get('user') ?? pair?.split(':')[0] ?? 'default'
  const password =
    headers['x-clickhouse-key'] ??
    search.get('password') ??
    pair?.slice(pair.indexOf(':') + 1) ??
    ''
  return user === CLICKHOUSE_USER && password === CLICKHOUSE_PASSWORD
}

function refuse(incoming, outgoing) {
  incoming.resume()
  outgoing.writeHead(403, { 'x-clickhouse-exception-code': '516' })
  outgoing.end(
    'Code: 516. DB::Exception: Authentication failed: password is incorrect, or there is no user with such name. (AUTHENTICATION_FAILED)\n',
  )
}

async function answers() {
  for (let attempt = 1; ; attempt += 1) {
    try {
      await run('SELECT 1')
      return
    } catch (error) {
      if (attempt === READY_ATTEMPTS) throw error
      await sleep(100)
    }
  }
}

/** No connection is kept: the engine waits seconds for one that is open when it stops. */
async function run(sql) {
  const asked = send({ ...ENGINE, path: '/', method: 'POST', agent: false })
  asked.end(sql)
  const [answer] = await once(asked, 'response')
  const said = await text(answer)
  if (answer.statusCode !== 200) throw new Error(said)
}
