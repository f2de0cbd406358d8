// tus-js-client sends FILE as NAME to URL and prints where it is. `ci/peers` puts the package into
// the folder that is this program's first argument: FOLDER FILE NAME URL.
import { createReadStream } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'

const [folder, file, name, url] = process.argv.slice(2)
const { Upload } = createRequire(join(folder, 'here'))('tus-js-client')

const upload = new Upload(createReadStream(file), {
  endpoint: url,
  chunkSize: 1 << 20,
  retryDelays: [100, 300, 1000, 1000, 3000, 3000, 5000],
  metadata: { filename: name, filetype: 'image/jpeg' },
  onError: (error) => {
    console.error(String(error))
    process.exit(1)
  },
  onSuccess: () => console.log(upload.url),
})
upload.start()
