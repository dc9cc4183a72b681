using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using KernOpt.Code.Images;
using KernOpt.Target;
using Xunit;

namespace KernOpt.Tests.Code.Bodies;

/// <summary>A C file that is compiled to a shared object and loaded into this process.</summary>
internal sealed class NativeProgram : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("kernopt-bodies-").FullName;
    private readonly nint handle;
    private readonly Dictionary<string, (ulong Value, ulong Size)> symbols = [];

    public NativeProgram(string source, string options)
    {
        File = Path.Combine(folder, "program.so");
        Run("gcc", $"-shared -fPIC -w {options} -o {File} {source}");
        foreach (var line in Run("nm", $"-S --defined-only {File}").Split('\n'))
        {
            if (line.Split(' ') is [var value, var size, "T", var name]) symbols[name] = (Hex(value), Hex(size));
        }
        handle = NativeLibrary.Load(File);
        var any = symbols.First();
        Bias = new Address((ulong)NativeLibrary.GetExport(handle, any.Key) - any.Value.Value);
        Module = new ModuleImage(new TargetModule("program.so", File, Bias, new AddressRange(Bias, 1 << 16), [], false, () => System.IO.File.ReadAllBytes(File), _ => null), []);
    }

    public static string Source(string name) => Path.Combine(Repository.Root, "tests/KernOpt.Tests/Code/Bodies/Programs", name);

    public string File { get; }
    public Address Bias { get; }
    public ModuleImage Module { get; }
    public IEnumerable<string> Names => symbols.Keys;

    public Function Function(string name) =>
        new(Module, Bias + symbols[name].Value, symbols[name].Size, [name], FunctionOrigin.SymbolTable);

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

    private static ulong Hex(string text) => ulong.Parse(text, NumberStyles.HexNumber, CultureInfo.InvariantCulture);
}
