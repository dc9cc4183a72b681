using System.Runtime.CompilerServices;

namespace KernOpt.Tests.Binary;

/// <summary>Small C and C++ programs, compiled once per test run.</summary>
internal sealed class SmallPrograms : IDisposable
{
    private readonly DirectoryInfo folder = Directory.CreateTempSubdirectory("kernopt-binary-");

    public string Folder => folder.FullName;

    public static string Sources { get; } = Path.Combine(Path.GetDirectoryName(ThisFile())!, "Programs");

    /// <summary>Compiles a source of the folder Programs; the compiler is that of the source's language.</summary>
    public string Compile(string source, params string[] options)
    {
        var result = Path.Combine(folder.FullName, $"{Path.GetFileNameWithoutExtension(source)}-{Guid.NewGuid():n}");
        RealBinaries.Run(source.EndsWith(".cc", StringComparison.Ordinal) ? "g++" : "gcc", [.. options, "-o", result, Path.Combine(Sources, source)]);
        return result;
    }

    public byte[] CompileToBytes(string source, params string[] options) => File.ReadAllBytes(Compile(source, options));

    /// <summary>The file as a tool like sstrip leaves it: the header knows of no sections.</summary>
    public static byte[] WithoutSectionHeaders(byte[] file)
    {
        var copy = file.ToArray();
        copy.AsSpan(40, 8).Clear();
        copy.AsSpan(58, 6).Clear();
        return copy;
    }

    public void Dispose() => folder.Delete(recursive: true);

    private static string ThisFile([CallerFilePath] string path = "") => path;
}
