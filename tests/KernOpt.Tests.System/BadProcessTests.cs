using System.Buffers.Binary;
using System.Diagnostics;
using Xunit;

namespace KernOpt.Tests.System;

/// <summary>Processes that cannot be changed, that end in the middle, or whose files on disk are not what runs.</summary>
public sealed class BadProcessTests
{
    [Fact]
    public async Task KernelThread_IsRefused() => Expect.OneLine(Expect.Refused, await Kernopt.RunAsync("hot", "--pid", "2"));

    [Fact]
    public async Task Program_Of32Bit_IsRefused()
    {
        var file = Path.Combine(Scratch.Folder, "narrow");
        await File.WriteAllBytesAsync(file, Narrow(), TestContext.Current.CancellationToken);
        await Tool.RunAsync("chmod", "+x", file);
        RunningTarget target;
        try
        {
            target = new RunningTarget(file);
        }
        catch (global::System.ComponentModel.Win32Exception)
        {
            Assert.Skip("this kernel runs no 32-bit programs");
            return;
        }
        using (target)
        {
            Expect.OneLine(Expect.Refused, await Kernopt.RunAsync("hot", "--pid", $"{target.Pid}"));
            Assert.True(target.IsAlive);
        }
    }

    [Fact]
    public async Task Traced_ByAnother_IsNoPermission_AndNamesTheTracer()
    {
        using var target = new RunningTarget("gdb", "-q", "-batch", "-ex", "run", "-ex", "quit", "--args", "sleep", "60");
        string? tracee = null;
        for (var i = 0; i < 100 && tracee is null; i++)
        {
            await Task.Delay(100, TestContext.Current.CancellationToken);
            tracee = Directory.EnumerateDirectories("/proc").Select(Path.GetFileName).Where(n => int.TryParse(n, out _))
                .FirstOrDefault(n => StatusLine(n!, "TracerPid") == $"{target.Pid}" && StatusLine(n!, "Name") == "sleep");
        }
        Assert.NotNull(tracee);
        var run = await Kernopt.RunAsync("tune", "--pid", tracee, "--for", "1s");
        Expect.OneLine(Expect.NoPermission, run);
        Assert.Contains($"{target.Pid}", run.Errors, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("tune", "--for", "30s")]
    [InlineData("values", "fold", "--for", "30s")]
    [InlineData("hot", "--for", "30s")]
    [InlineData("outline", "fold", "--for", "30s")]
    public async Task Process_ThatEndsInTheMiddle_IsSaidSo_AtOnce(params string[] command)
    {
        using var program = new HotFilter(isStripped: false);
        await program.MedianRateAsync(1);
        var clock = Stopwatch.StartNew();
        var run = Kernopt.RunAsync([command[0], "--pid", program.Pid, .. command[1..]]);
        await Task.Delay(3_000, TestContext.Current.CancellationToken);
        program.Target.Dispose();
        Expect.OneLine(Expect.Refused, await run);
        Assert.True(clock.Elapsed < TimeSpan.FromSeconds(20), $"{clock.Elapsed}");
    }

    [Fact]
    public async Task SecondKernopt_OnOneTarget_IsRefused_AndLookingIsNot()
    {
        using var program = new HotFilter(isStripped: false);
        var installed = await Kernopt.RunAsync("relocate", "--pid", program.Pid, "fold", "--json");
        var id = $"{installed.Result.GetProperty("installed")[0].GetProperty("id")}";
        var first = Kernopt.RunAsync("ab", "--pid", program.Pid, id, "--for", "12s", "--json");
        await Task.Delay(4_000, TestContext.Current.CancellationToken);
        var second = await Kernopt.RunAsync("revert", "--pid", program.Pid, "--all");
        Assert.False(first.IsCompleted, "the first ended before the second began");
        Expect.OneLine(Expect.Refused, second);
        Assert.Contains("KO4011", second.Errors, StringComparison.Ordinal);
        Assert.Equal(Expect.Done, (await Kernopt.RunAsync("list", "--pid", program.Pid)).ExitCode);
        Assert.True((await first).ExitCode is Expect.Done or Expect.Inconclusive or Expect.Regression);
        await Expect.RevertedAsync(program.Target.Pid);
    }

    [Fact]
    public async Task AnotherUsersProcess_IsNoPermission_AndSaysWhatIsMissing()
    {
        if (!Environment.IsPrivilegedProcess)
        {
            Expect.OneLine(Expect.NoPermission, await Kernopt.RunAsync("list", "--pid", "1"));
            return;
        }
        using var program = new HotFilter(isStripped: false);
        await Kernopt.RunAsync("--version");
        var copy = Directory.CreateTempSubdirectory("kernopt-nobody-").FullName;
        await Tool.RunAsync("cp", "-r", Path.Combine(Repository.Root, "src/KernOpt.Cli/bin/kernopt"), copy);
        await Tool.RunAsync("chmod", "-R", "a+rX", copy);
        var start = new ProcessStartInfo("setpriv", ["--reuid", "65534", "--regid", "65534", "--clear-groups", "--inh-caps", "-all",
            "dotnet", Path.Combine(copy, "kernopt/kernopt.dll"), "list", "--pid", program.Pid]) { RedirectStandardOutput = true, RedirectStandardError = true };
        start.Environment["HOME"] = start.Environment["XDG_STATE_HOME"] = copy;
        using var process = Process.Start(start)!;
        var errors = process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        var output = await process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        var run = new Kernopt(process.ExitCode, output, await errors);
        Directory.Delete(copy, recursive: true);
        Expect.OneLine(Expect.NoPermission, run);
        Assert.Contains("CAP_SYS_PTRACE", run.Errors, StringComparison.Ordinal);
        await Expect.UntouchedAsync(program.Target);
    }

    [Theory]
    [InlineData("deleted")]
    [InlineData("replaced")]
    [InlineData("sections")]
    public async Task FileThatIsNotWhatRuns_NeverEndsInACrash_OrAWrongAnswer(string harm)
    {
        var file = Path.Combine(Scratch.Folder, "harmed-" + harm);
        File.Copy(Scratch.Compile("hotfilter", "-O2"), file, overwrite: true);
        if (harm == "sections")
        {
            // e_shoff and e_shnum of the ELF header (System V ABI, chapter 4): the program runs without sections, the reader must not trust them.
            var bytes = await File.ReadAllBytesAsync(file, TestContext.Current.CancellationToken);
            BinaryPrimitives.WriteUInt64LittleEndian(bytes.AsSpan(40), ulong.MaxValue - 63);
            BinaryPrimitives.WriteUInt16LittleEndian(bytes.AsSpan(60), ushort.MaxValue);
            await File.WriteAllBytesAsync(file, bytes, TestContext.Current.CancellationToken);
        }
        using var target = new RunningTarget(file);
        await target.WaitForLineAsync(_ => true, TimeSpan.FromSeconds(10));
        if (harm != "sections") File.Delete(file);
        if (harm == "replaced") await File.WriteAllTextAsync(file, "not a program", TestContext.Current.CancellationToken);
        foreach (var command in new string[][] { ["inspect"], ["hot", "--for", "1s"], ["list"], ["relocate", "--all", "--for", "1s"] })
        {
            var run = await Kernopt.RunAsync([command[0], "--pid", $"{target.Pid}", .. command[1..]]);
            if (run.ExitCode == Expect.Done) Assert.DoesNotContain("   at ", run.Errors, StringComparison.Ordinal);
            else if (run.Output.Length == 0) Expect.OneLine(Expect.Refused, run);
            else Assert.Equal(Expect.Refused, run.ExitCode);
        }
        var lines = target.Lines.Count;
        await target.WaitForLineAsync(_ => target.Lines.Count > lines + 1, TimeSpan.FromSeconds(10));
        Assert.Equal("0", target.Lines[^1].Split(' ')[2]);
    }

    /// <summary>An i386 ELF of one page: for ever pause(2).</summary>
    private static byte[] Narrow()
    {
        const uint address = 0x08048000, headers = 52 + 32;
        var file = new byte[headers + 9];
        ReadOnlySpan<byte> identity = [0x7f, (byte)'E', (byte)'L', (byte)'F', 1, 1, 1];
        identity.CopyTo(file);
        Span<uint> parts = [0x0003_0002, 1, address + headers, 52, 0, 0, 0x0020_0034, 0x0000_0001, 0];
        for (var i = 0; i < parts.Length; i++) BinaryPrimitives.WriteUInt32LittleEndian(file.AsSpan(16 + 4 * i), parts[i]);
        Span<uint> segment = [1, 0, address, address, (uint)file.Length, (uint)file.Length, 5, 0x1000];
        for (var i = 0; i < segment.Length; i++) BinaryPrimitives.WriteUInt32LittleEndian(file.AsSpan(52 + 4 * i), segment[i]);
        ReadOnlySpan<byte> code = [0xb8, 29, 0, 0, 0, 0xcd, 0x80, 0xeb, 0xf7];   // mov eax, 29; int 0x80; jmp back
        code.CopyTo(file.AsSpan((int)headers));
        return file;
    }

    private static string? StatusLine(string pid, string key)
    {
        try
        {
            return File.ReadLines($"/proc/{pid}/status").First(l => l.StartsWith(key + ":", StringComparison.Ordinal))[(key.Length + 1)..].Trim();
        }
        catch (IOException)
        {
            return null;
        }
    }
}
