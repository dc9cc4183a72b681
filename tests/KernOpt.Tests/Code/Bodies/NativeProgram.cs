using System.Diagnostics;
using System.Runtime.InteropServices;
using KernOpt.Code.Graphs;
using KernOpt.Code.Images;
using KernOpt.Target;
using Xunit;

namespace KernOpt.Tests.Code.Bodies;

/// <summary>A C file that is compiled to a shared object, loaded into this process, and parsed there.</summary>
internal sealed class NativeProgram : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("kernopt-bodies-").FullName;
    private readonly nint handle;

    public NativeProgram(string source, string options)
    {
        var file = Path.Combine(folder, "program.so");
        Run("gcc", $"-shared -fPIC -w {options} -o {file} {source}");
        Names = [.. Run("nm", $"--defined-only {file}").Split('\n').Select(line => line.Split(' ')).Where(l => l is [_, "T", not "callee"]).Select(l => l[2])];
        handle = NativeLibrary.Load(file);
        var first = Names[0];
        var export = (ulong)NativeLibrary.GetExport(handle, first);
        var unbiased = LoadedFile.At(file, Address.Zero).Find(first).Value.Start;
        Image = LoadedFile.InThisProcess(file, new Address(export - unbiased.Value));
    }

    public ProgramImage Image { get; }

    /// <summary>The functions of the common shape.</summary>
    public IReadOnlyList<string> Names { get; }

    public static string Source(string name) => Path.Combine(Repository.Root, "tests/KernOpt.Tests/Code/Bodies/Programs", name);

    public FunctionGraph Graph(string name) => LinearGraph.Of(Image.Find(name).Value);

    public void Dispose()
    {
        NativeLibrary.Free(handle);
        Directory.Delete(folder, true);
    }

    internal static string Run(string program, string arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        var errors = process.StandardError.ReadToEndAsync();
        var output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        Assert.True(process.ExitCode == 0, $"{program} {arguments}: {errors.Result}");
        return output;
    }
}
