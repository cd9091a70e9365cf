<?php
// Build time only: compiles the whole tree into opcache's file cache, so that a fresh container starts warm.
// wp-includes goes first and wp-admin/includes/noop.php is left out: it redeclares core functions.
set_time_limit(0); error_reporting(0);
$n = $bad = 0; $t = microtime(true); $seen = [__FILE__ => 1];
foreach (['/srv/wp/wp-includes', '/srv/wp/wp-admin', '/srv/wp', '/opt/wp-content', '/opt/store'] as $root)
    foreach (new RecursiveIteratorIterator(new RecursiveDirectoryIterator($root, FilesystemIterator::SKIP_DOTS)) as $f) {
        $p = $f->getPathname();
        if ($f->isLink() || $f->getExtension() !== 'php' || $f->getFilename() === 'noop.php' || isset($seen[$p])) continue;
        $seen[$p] = 1;
        try { @opcache_compile_file($p) ? $n++ : $bad++; } catch (Throwable $e) { $bad++; }
    }
printf("compiled %d, skipped %d, %.1f s\n", $n, $bad, microtime(true) - $t);
