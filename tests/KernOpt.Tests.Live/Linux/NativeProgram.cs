using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Runtime.CompilerServices;
using Xunit;

namespace KernOpt.Tests.Live.Linux;

/// <summary>A C program of Targets/, compiled once per test run, started with pipes; killed and collected at the end.</summary>
internal sealed class NativeProgram : IDisposable
{
    private static readonly Lazy<string> Folder = new(() => Directory.CreateTempSubdirectory("kernopt-tests-").FullName);
    private static readonly ConcurrentDictionary<string, Lazy<string>> Compiled = new();

    private readonly Process process;

    private NativeProgram(Process process) => this.process = process;

    public int Pid => process.Id;

    public bool IsRunning => !process.HasExited;

    public static string Compile(string source, string options = "-O2 -pthread")
        => Compiled.GetOrAdd($"{source} {options}", _ => new(() => RunCompiler(source, options))).Value;

    public static NativeProgram Start(string source, params IEnumerable<string> arguments) => StartFile(Compile(source), arguments);

    public static NativeProgram StartFile(string path, params IEnumerable<string> arguments)
    {
        var start = new ProcessStartInfo(path, arguments) { RedirectStandardOutput = true, RedirectStandardInput = true };
        return new(Process.Start(start)!);
    }

    /// <summary>The next line; fails the test when none comes within 20 seconds.</summary>
    public string ReadLine()
    {
        var line = process.StandardOutput.ReadLineAsync();
        Assert.True(line.Wait(TimeSpan.FromSeconds(20)), "the program said nothing");
        return line.Result ?? throw new InvalidOperationException($"the program ended{(process.WaitForExit(1000) ? $" with {process.ExitCode}" : "")}");
    }

    public void WriteLine(string line)
    {
        process.StandardInput.WriteLine(line);
        process.StandardInput.Flush();
    }

    /// <summary>A line "name=value name=value": hexadecimal values.</summary>
    public Dictionary<string, ulong> ReadFacts() => ReadLine().Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(p => p.Split('='))
        .ToDictionary(p => p[0], p => ulong.Parse(p[1], NumberStyles.HexNumber, CultureInfo.InvariantCulture));

    public int WaitForExit()
    {
        Assert.True(process.WaitForExit(20_000), "the program did not end");
        return process.ExitCode;
    }

    public void Dispose()
    {
        if (!process.HasExited) process.Kill();
        process.WaitForExit();
        process.Dispose();
    }

    private static string RunCompiler(string source, string options)
    {
        var result = Path.Combine(Folder.Value, $"{Path.GetFileNameWithoutExtension(source)}-{Math.Abs(string.GetHashCode(options, StringComparison.Ordinal)):x}");
        var file = Path.Combine(Sources(), source);
        using var gcc = Process.Start("gcc", $"-o {result} {file} {options}");
        gcc.WaitForExit();
        Assert.Equal(0, gcc.ExitCode);
        return result;
    }

    private static string Sources([CallerFilePath] string here = "") => Path.Combine(Path.GetDirectoryName(here)!, "..", "Targets");
}
