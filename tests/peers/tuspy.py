"""tuspy sends FILE as NAME to URL and prints where it is: FILE NAME URL."""

import sys

from tusclient.client import TusClient

file, name, url = sys.argv[1:]
uploader = TusClient(url).uploader(
    file,
    chunk_size=1 << 20,
    metadata={"filename": name, "filetype": "image/jpeg"},
    retries=20,
    retry_delay=1,
)
uploader.upload()
print(uploader.url)
