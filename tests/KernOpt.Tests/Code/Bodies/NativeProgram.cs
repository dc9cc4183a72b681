using System.Collections.Concurrent;
using System.Diagnostics;
using System.Runtime.InteropServices;
using KernOpt.Code.Graphs;
using KernOpt.Code.Images;
using KernOpt.Target;
using Xunit;

namespace KernOpt.Tests.Code.Bodies;

/// <summary>Tests that run copies in this process; one at a time, for they share the room in the programs.</summary>
[CollectionDefinition(Name)]
public sealed class NativeCode
{
    public const string Name = "native code";
}

/// <summary>Programs/functions.c or another program of functions of that shape, compiled with some options to a shared object and loaded into this process for good.</summary>
internal sealed class NativeProgram
{
    private static readonly ConcurrentDictionary<string, NativeProgram> Programs = new();
    private readonly Address room;
    private readonly int roomBytes;
    private int taken;

    private NativeProgram(string options, string source)
    {
        var folder = Directory.CreateTempSubdirectory("kernopt-bodies-").FullName;
        var file = Path.Combine(folder, "program.so");
        Run("gcc", $"-shared -fPIC -w {options} -o {file} {Path.Combine(Repository.Root, "tests/KernOpt.Tests/Code/Bodies/Programs", source)}");
        Names = [.. Run("nm", $"--defined-only {file}").Split('\n').Select(line => line.Split(' ')).Where(l => l is [_, "T", not "callee"]).Select(l => l[2])];
        var handle = NativeLibrary.Load(file);
        var export = (ulong)NativeLibrary.GetExport(handle, Names[0]);
        var unbiased = LoadedFile.At(file, Address.Zero).Find(Names[0]).Value.Start;
        Image = LoadedFile.InThisProcess(file, new Address(export - unbiased.Value));
        room = new Address((ulong)NativeLibrary.GetExport(handle, "room"));
        roomBytes = Marshal.ReadInt32(NativeLibrary.GetExport(handle, "room_bytes"));
        Directory.Delete(folder, true);
    }

    public ProgramImage Image { get; }

    /// <summary>The functions of the common shape.</summary>
    public IReadOnlyList<string> Names { get; }

    public static NativeProgram With(string options, string source = "functions.c") => Programs.GetOrAdd($"{source} {options}", _ => new NativeProgram(options, source));

    public FunctionGraph Graph(string name) => LinearGraph.Of(Image.Find(name).Value);

    /// <summary>Pages of the program's own data, so that they are in reach of its code.</summary>
    public Address TakeRoom(int bytes)
    {
        if (taken + bytes > roomBytes) taken = 0;
        taken += bytes;
        return room + (taken - bytes);
    }

    private static string Run(string program, string arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        var errors = process.StandardError.ReadToEndAsync();
        var output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        Assert.True(process.ExitCode == 0, $"{program} {arguments}: {errors.Result}");
        return output;
    }
}
