<?php
// Loads what the front page, the log-in and wp-admin need from opcache's file cache into its shared memory.
foreach (file('/opt/warm/warm.list', FILE_IGNORE_NEW_LINES) ?: [] as $f) @opcache_compile_file($f);
