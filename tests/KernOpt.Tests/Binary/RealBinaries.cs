using System.Diagnostics;
using KernOpt.Binary;
using Xunit;

namespace KernOpt.Tests.Binary;

/// <summary>Debian's own programs and libraries, those of them that are installed, and the independent tools that judge us on them.</summary>
internal static class RealBinaries
{
    private static readonly string[] Candidates =
    [
        "/usr/bin/redis-server", "/usr/sbin/nginx", "/usr/lib/postgresql/15/bin/postgres", "/usr/bin/sqlite3", "/usr/bin/bash", "/usr/bin/python3.11",
        "/usr/bin/git", "/usr/bin/perl", "/usr/bin/gdb", "/usr/bin/make", "/usr/lib/x86_64-linux-gnu/libc.so.6", "/usr/lib/x86_64-linux-gnu/libstdc++.so.6",
        "/usr/lib/x86_64-linux-gnu/libcrypto.so.3", "/usr/lib/x86_64-linux-gnu/libsqlite3.so.0", "/usr/lib/x86_64-linux-gnu/libjemalloc.so.2",
        "/usr/lib/x86_64-linux-gnu/libm.so.6", "/usr/lib64/ld-linux-x86-64.so.2", "/usr/lib/x86_64-linux-gnu/libsystemd.so.0",
    ];

    public static IEnumerable<string> Present => Candidates.Where(File.Exists);

    public static TheoryData<string> All => new(Present);

    public static ElfImage Read(string path) => ElfImage.Read(File.ReadAllBytes(path)).Value;

    /// <summary>The standard output of a program, line by line.</summary>
    public static IEnumerable<string> Lines(string program, params string[] arguments)
    {
        var start = new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true };
        start.Environment["LC_ALL"] = "C";
        using var process = Process.Start(start)!;
        process.ErrorDataReceived += (_, _) => { };
        process.BeginErrorReadLine();
        while (process.StandardOutput.ReadLine() is { } line) yield return line;
        process.WaitForExit();
    }

    public static void Run(string program, params string[] arguments)
    {
        var start = new ProcessStartInfo(program, arguments) { RedirectStandardError = true };
        using var process = Process.Start(start)!;
        var errors = process.StandardError.ReadToEnd();
        process.WaitForExit();
        Assert.True(process.ExitCode == 0, $"{program} {string.Join(' ', arguments)}: {errors}");
    }
}
