$ErrorActionPreference = 'Stop'
$ProgressPreference = 'SilentlyContinue'
[Console]::OutputEncoding = [System.Text.Encoding]::UTF8
$out = @{ found = @(); installed = @(); failed = @(); restart_required = $false; error = ''; code = '' }
try {
  $session = New-Object -ComObject Microsoft.Update.Session
  if ($(MICROSOFT)) {
    $null = (New-Object -ComObject Microsoft.Update.ServiceManager).AddService2('7971f918-a847-4430-9279-4a52d1efe18d', 7, '')
  }
  $found = $session.CreateUpdateSearcher().Search('IsInstalled=0 and IsHidden=0').Updates
  $wanted = New-Object -ComObject Microsoft.Update.UpdateColl
  foreach ($u in $found) {
    $out.found += [string]$u.Title
    if (-not $u.EulaAccepted) { if ($(INSTALL)) { $u.AcceptEula() } }
    if ($(INSTALL)) { $null = $wanted.Add($u) }
  }
  if ($wanted.Count -gt 0) {
    $downloader = $session.CreateUpdateDownloader()
    $downloader.Updates = $wanted
    $null = $downloader.Download()
    $installer = $session.CreateUpdateInstaller()
    $installer.Updates = $wanted
    $result = $installer.Install()
    for ($i = 0; $i -lt $wanted.Count; $i++) {
      $title = [string]$wanted.Item($i).Title
      $code = $result.GetUpdateResult($i).ResultCode
      if ($code -eq 2 -or $code -eq 3) { $out.installed += $title } else { $out.failed += $title }
    }
  }
  $out.restart_required = [bool](New-Object -ComObject Microsoft.Update.SystemInfo).RebootRequired
} catch {
  $out.error = [string]$_.Exception.Message
  $out.code = '0x{0:X8}' -f $_.Exception.GetBaseException().HResult
}
ConvertTo-Json -Compress -InputObject $out
