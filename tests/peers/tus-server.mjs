// @tus/server on 203.0.113.10, port $PORT, its files in $STORE. `ci/peers` puts the packages into
// the folder that is this program's argument.
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'

const { resolve } = createRequire(join(process.argv[2], 'here'))
const load = (name) => import(pathToFileURL(resolve(name)))
const { Server } = await load('@tus/server')
const { FileStore } = await load('@tus/file-store')

const server = new Server({ path: '/files', datastore: new FileStore({ directory: process.env.STORE }) })
server.listen({ host: '203.0.113.10', port: Number(process.env.PORT) })
