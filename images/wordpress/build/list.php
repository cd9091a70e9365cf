<?php // Which files the visits above needed: mounted into the web root while the template is made.
echo implode("\n", array_filter(array_keys(opcache_get_status()['scripts']), fn($f) => !str_contains($f, '/zz-') && is_file($f))), "\n";
