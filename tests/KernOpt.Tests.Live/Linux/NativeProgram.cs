using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.IO.Pipes;
using System.Runtime.CompilerServices;
using KernOpt.Linux.Memory;
using KernOpt.Linux.Native;
using KernOpt.Target;
using Microsoft.Win32.SafeHandles;
using Xunit;

namespace KernOpt.Tests.Live.Linux;

/// <summary>A C program of Targets/, compiled once per test run, started with pipes; killed and collected at the end.</summary>
internal sealed class NativeProgram : IDisposable
{
    private static readonly Lazy<string> Folder = new(() => Directory.CreateTempSubdirectory("kernopt-tests-").FullName);
    private static readonly ConcurrentDictionary<string, Lazy<string>> Compiled = new();

    private readonly TraceableChild process;
    private readonly StreamReader output;
    private readonly StreamWriter input;

    private NativeProgram(TraceableChild process, StreamReader output, StreamWriter input)
    {
        this.process = process;
        this.output = output;
        this.input = input;
    }

    public int Pid => process.Pid;

    public bool IsRunning => !process.Exit.IsCompleted;

    public static string Compile(string source, string options = "-O2 -pthread")
        => Compiled.GetOrAdd($"{source} {options}", _ => new(() => RunCompiler(source, options))).Value;

    public static NativeProgram Start(string source, params IEnumerable<string> arguments) => StartFile(Compile(source), arguments);

    public static NativeProgram StartFile(string path, params IEnumerable<string> arguments)
    {
        using var toProgram = new AnonymousPipeServerStream(PipeDirection.Out);
        using var fromProgram = new AnonymousPipeServerStream(PipeDirection.In);
        var child = TraceableChild.Spawn([path, .. arguments], null, Number(toProgram.ClientSafePipeHandle), Number(fromProgram.ClientSafePipeHandle)).Value;
        toProgram.DisposeLocalCopyOfClientHandle();
        fromProgram.DisposeLocalCopyOfClientHandle();
        return new(child, new(new FileStream(Own(fromProgram.SafePipeHandle), FileAccess.Read, 0)), new(new FileStream(Own(toProgram.SafePipeHandle), FileAccess.Write, 0)));
    }

    /// <summary>The next line; fails the test when none comes within 20 seconds.</summary>
    public string ReadLine()
    {
        var line = Task.Run(output.ReadLine);
        Assert.True(line.Wait(TimeSpan.FromSeconds(30)), "the program said nothing");
        return line.Result ?? throw new InvalidOperationException($"the program ended{(process.Exit.Wait(1000) ? $" with {process.Exit.Result}" : "")}");
    }

    public void WriteLine(string line)
    {
        input.WriteLine(line);
        input.Flush();
    }

    /// <summary>A line "name=value name=value": hexadecimal values.</summary>
    public Dictionary<string, ulong> ReadFacts() => ReadLine().Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(p => p.Split('='))
        .ToDictionary(p => p[0], p => ulong.Parse(p[1], NumberStyles.HexNumber, CultureInfo.InvariantCulture));

    public int WaitForExit()
    {
        Assert.True(process.Exit.Wait(20_000), "the program did not end");
        return process.Exit.Result;
    }

    public void Dispose()
    {
        if (IsRunning) SystemCall.Kill(Pid, Signals.Kill);
        process.Exit.Wait();
        output.Dispose();
        try
        {
            input.Dispose();
        }
        catch (IOException)
        {
            // what was not read by the program
        }
    }

    private static int Number(SafePipeHandle handle) => (int)handle.DangerousGetHandle();

    private static SafeFileHandle Own(SafePipeHandle handle)
    {
        var copy = (int)SystemCall.Invoke(CallNumber.fcntl, Number(handle), 1030);   // F_DUPFD_CLOEXEC
        return new(copy, ownsHandle: true);
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
